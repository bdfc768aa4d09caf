// html-text: a page in, its text out.
//
//   Try:    html-text page.html
//           curl -s https://www.debian.org/ | html-text --format json
//           html-text --format links --url https://www.debian.org/ page.html
//   Watch:  html-text --format tokens page.html
//           what the tokenizer makes of the page, one token a line, as JSON
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "tools/crawler/charset.hpp"
#include "tools/crawler/charset/decode.hpp"
#include "tools/crawler/extract.hpp"
#include "tools/crawler/html/token_collector.hpp"
#include "tools/crawler/url.hpp"

namespace {

namespace json = boost::json;
using crawler::html::Token;

struct Arguments {
  std::vector<std::string> files;
  std::string format = "text";
  std::string charset;
  std::string content_type = "text/html";
  std::string url;
  std::size_t max_text = std::size_t{64} << 20;
  bool keeps_alt = false;
  bool keeps_noscript = false;
};

std::string read_all(const std::string& name) {
  if (name == "-") return {std::istreambuf_iterator<char>(std::cin), {}};
  std::ifstream in(name, std::ios::binary | std::ios::ate);
  if (!in) throw std::runtime_error("cannot read " + name);
  std::streamoff size = in.tellg();
  std::string bytes(size > 0 ? static_cast<std::size_t>(size) : 0, '\0');
  in.seekg(0);
  in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (in.bad() || static_cast<std::size_t>(in.gcount()) != bytes.size()) {
    throw std::runtime_error("cannot read " + name);
  }
  return bytes;
}

json::value nullable(const std::optional<std::string>& text) {
  return text ? json::value(*text) : json::value(nullptr);
}

// In the form of the html5lib-tests project.
json::array to_json(const Token& token) {
  switch (token.kind) {
    case Token::Kind::characters:
      return {"Character", token.text};
    case Token::Kind::comment:
      return {"Comment", token.text};
    case Token::Kind::end_tag:
      return {"EndTag", token.text};
    case Token::Kind::doctype:
      return {"DOCTYPE", nullable(token.name), nullable(token.public_identifier),
              nullable(token.system_identifier), !token.force_quirks};
    case Token::Kind::start_tag:
      break;
  }
  json::object attributes;
  for (const auto& [name, value] : token.attributes) attributes[name] = value;
  json::array start{"StartTag", token.text, std::move(attributes)};
  if (token.self_closing) start.push_back(true);
  return start;
}

void print_tokens(std::string_view body, const crawler::ContentType& type,
                  const std::optional<crawler::Encoding>& known) {
  crawler::Charset charset = crawler::find_charset(body, type.charset, true);
  if (known) charset.encoding = *known;
  crawler::html::TokenCollector collector(
      crawler::html::TokenCollector::Mode::page,
      [](const Token& token) { std::cout << to_json(token) << '\n'; });
  crawler::html::Tokenizer tokenizer(collector);
  crawler::decode(body.substr(charset.bom_size), charset.encoding, [&](std::string_view piece) {
    tokenizer.feed(piece);
    return true;
  });
  tokenizer.finish();
  collector.finish();
}

void print_json(const std::string& name, const crawler::Text& text) {
  std::cout << json::object{{"file", name},
                            {"title", text.title},
                            {"language", text.language},
                            {"charset", text.charset},
                            {"charset_source", text.charset_source},
                            {"truncated", text.is_truncated},
                            {"links", json::array(text.links.begin(), text.links.end())},
                            {"text", text.text}}
            << '\n';
}

void print(const std::string& name, const Arguments& arguments) {
  std::string body = read_all(name);
  std::optional<crawler::Encoding> encoding;
  if (!arguments.charset.empty()) {
    encoding = crawler::find_encoding(arguments.charset);
    if (!encoding) throw std::runtime_error("no such charset: " + arguments.charset);
  }
  if (arguments.format == "tokens") {
    return print_tokens(body, crawler::parse_content_type(arguments.content_type), encoding);
  }
  crawler::ExtractOptions options;
  options.max_text = arguments.max_text;
  options.keeps_alt = arguments.keeps_alt;
  options.keeps_noscript = arguments.keeps_noscript;
  options.encoding = encoding;
  options.max_links = arguments.format == "text" ? 0 : 1'000'000;
  options.url = arguments.url;
  if (!arguments.url.empty()) options.resolve = crawler::resolve_url;
  crawler::Text text = crawler::extract_text(body, arguments.content_type, options);
  if (arguments.format == "json") {
    print_json(name, text);
  } else if (arguments.format == "links") {
    for (const std::string& link : text.links) std::cout << link << '\n';
  } else if (!text.text.empty()) {
    std::cout << text.text << '\n';
  }
  if (text.is_truncated) std::cerr << "html-text: " << name << ": cut at --max-text\n";
}

int run(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("The text of HTML pages, without tags, in UTF-8.");
  app.add_option("FILE", arguments.files, "pages; - or nothing is the standard input");
  app.add_option("--format", arguments.format, "what to print")
      ->check(CLI::IsMember({"text", "tokens", "links", "json"}))
      ->capture_default_str();
  app.add_option("--charset", arguments.charset, "the encoding, whatever the page says");
  app.add_option("--content-type", arguments.content_type,
                 "the header field the page came with; text/plain keeps tags")
      ->capture_default_str();
  app.add_option("--url", arguments.url, "where the page came from, to make links absolute");
  app.add_option("--max-text", arguments.max_text, "bytes of text to print at most")
      ->capture_default_str();
  app.add_flag("--alt", arguments.keeps_alt, "print the alternative text of images");
  app.add_flag("--noscript", arguments.keeps_noscript, "print what is meant for no scripts");
  CLI11_PARSE(app, argc, argv);
  std::ios::sync_with_stdio(false);
  if (arguments.files.empty()) arguments.files.emplace_back("-");
  int status = 0;
  for (const std::string& name : arguments.files) {
    try {
      print(name, arguments);
    } catch (const std::exception& error) {
      std::cerr << "html-text: " << error.what() << '\n';
      status = 1;
    }
  }
  if (!std::cout.flush()) throw std::runtime_error("cannot write the output");
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "html-text: %s\n", error.what());
    return 1;
  }
}
