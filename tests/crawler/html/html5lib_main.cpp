// Runs the tokenizer cases of the html5lib-tests project: the folder `tokenizer` with its *.test
// files, whose format its README.md describes. Parse errors are not compared, we report none.
//
// usage: test-html5lib FOLDER
//
// Each case runs in each of its initial states, once with the whole input and once byte by byte.
// Left out are xmlViolation.test, which tests another output than tokens, and inputs with a lone
// surrogate, which no UTF-8 can hold.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>

#include <boost/json.hpp>

#include "tools/crawler/html/token_collector.hpp"

namespace {

namespace json = boost::json;
using crawler::html::ContentModel;
using crawler::html::Token;

void append_utf8(std::string& out, std::uint32_t point) {
  auto trail = [&](unsigned shift) { out += static_cast<char>(0x80 | (point >> shift & 0x3F)); };
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += static_cast<char>(0xC0 | point >> 6);
    trail(0);
  } else if (point < 0x10000) {
    out += static_cast<char>(0xE0 | point >> 12);
    trail(6), trail(0);
  } else {
    out += static_cast<char>(0xF0 | point >> 18);
    trail(12), trail(6), trail(0);
  }
}

// Resolves \uHHHH once more; nothing if a lone surrogate is among them.
std::optional<std::string> unescape(std::string_view text) {
  std::string out;
  auto escape_at = [&](std::size_t i) -> std::optional<std::uint32_t> {
    if (text.substr(i, 2) != "\\u" || i + 6 > text.size()) return std::nullopt;
    return static_cast<std::uint32_t>(std::stoul(std::string(text.substr(i + 2, 4)), nullptr, 16));
  };
  for (std::size_t i = 0; i < text.size();) {
    std::optional<std::uint32_t> unit = escape_at(i);
    if (!unit) {
      out += text[i++];
      continue;
    }
    i += 6;
    if (*unit >= 0xD800 && *unit <= 0xDBFF) {
      std::optional<std::uint32_t> low = escape_at(i);
      if (!low || *low < 0xDC00 || *low > 0xDFFF) return std::nullopt;
      unit = 0x10000 + ((*unit - 0xD800) << 10) + (*low - 0xDC00);
      i += 6;
    } else if (*unit >= 0xDC00 && *unit <= 0xDFFF) {
      return std::nullopt;
    }
    append_utf8(out, *unit);
  }
  return out;
}

struct Case {
  const json::object& source;
  bool is_escaped;

  std::optional<std::string> text(const json::value& value) const {
    std::string_view raw(value.as_string().data(), value.as_string().size());
    return is_escaped ? unescape(raw) : std::string(raw);
  }
};

std::vector<Token> expected_tokens(const Case& test) {
  std::vector<Token> tokens;
  for (const json::value& entry : test.source.at("output").as_array()) {
    const json::array& fields = entry.as_array();
    std::string_view kind = fields.at(0).as_string();
    auto text = [&](std::size_t i) -> std::optional<std::string> {
      return fields.at(i).is_null() ? std::nullopt : test.text(fields.at(i));
    };
    Token token;
    if (kind == "DOCTYPE") {
      token.kind = Token::Kind::doctype;
      token.name = text(1);
      token.public_identifier = text(2);
      token.system_identifier = text(3);
      token.force_quirks = !fields.at(4).as_bool();
    } else {
      token.kind = kind == "StartTag"  ? Token::Kind::start_tag
                   : kind == "EndTag"  ? Token::Kind::end_tag
                   : kind == "Comment" ? Token::Kind::comment
                                       : Token::Kind::characters;
      token.text = text(1).value();
      token.self_closing = fields.size() > 3;
      if (token.kind == Token::Kind::start_tag) {
        for (const auto& attribute : fields.at(2).as_object()) {
          std::string name(attribute.key());
          token.attributes.emplace_back(test.is_escaped ? unescape(name).value() : name,
                                        test.text(attribute.value()).value());
        }
      }
    }
    bool goes_on = token.kind == Token::Kind::characters && !tokens.empty() &&
                   tokens.back().kind == Token::Kind::characters;
    if (goes_on) {
      tokens.back().text += token.text;
    } else {
      tokens.push_back(token);
    }
  }
  return tokens;
}

ContentModel content_model(std::string_view state) {
  if (state == "Data state") return ContentModel::data;
  if (state == "PLAINTEXT state") return ContentModel::plaintext;
  if (state == "RCDATA state") return ContentModel::rcdata;
  if (state == "RAWTEXT state") return ContentModel::rawtext;
  if (state == "Script data state") return ContentModel::script;
  if (state == "CDATA section state") return ContentModel::cdata;
  throw std::runtime_error("unknown initial state: " + std::string(state));
}

std::vector<Token> tokenize(std::string_view input, ContentModel model, std::string_view last_tag,
                            std::size_t piece) {
  std::vector<Token> tokens;
  crawler::html::TokenCollector collector(crawler::html::TokenCollector::Mode::tokens_only,
                                          [&](const Token& token) { tokens.push_back(token); });
  crawler::html::Tokenizer tokenizer(collector, model, last_tag);
  for (std::size_t i = 0; i < input.size(); i += piece) tokenizer.feed(input.substr(i, piece));
  tokenizer.finish();
  collector.finish();
  return tokens;
}

struct Counts {
  int cases = 0;
  int left_out = 0;
  int runs = 0;
  int failures = 0;
};

void run(const Case& test, const std::string& file, Counts& counts) {
  std::optional<std::string> input = test.text(test.source.at("input"));
  if (!input) {
    ++counts.left_out;
    return;
  }
  ++counts.cases;
  std::vector<Token> expected = expected_tokens(test);
  json::array states{"Data state"};
  if (const auto* given = test.source.if_contains("initialStates")) states = given->as_array();
  std::string last_tag;
  if (const auto* given = test.source.if_contains("lastStartTag")) last_tag = given->as_string();
  for (const json::value& state : states) {
    for (std::size_t piece : {std::string::npos / 2, std::size_t{1}}) {
      ++counts.runs;
      if (tokenize(*input, content_model(state.as_string()), last_tag, piece) == expected) continue;
      ++counts.failures;
      std::cout << file << ": " << test.source.at("description") << " in " << state
                << (piece == 1 ? ", byte by byte" : "") << '\n';
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: test-html5lib FOLDER\n";
    return 2;
  }
  try {
    Counts counts;
    std::filesystem::path folder(argv[1]);
    if (is_directory(folder / "tokenizer")) folder /= "tokenizer";
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      std::string name = entry.path().filename();
      if (entry.path().extension() != ".test" || name == "xmlViolation.test") continue;
      std::ifstream in(entry.path());
      std::string bytes{std::istreambuf_iterator<char>(in), {}};
      json::value root = json::parse(bytes);
      for (const json::value& test : root.at("tests").as_array()) {
        const json::object& source = test.as_object();
        const auto* escaped = source.if_contains("doubleEscaped");
        run({source, escaped != nullptr && escaped->as_bool()}, name, counts);
      }
    }
    std::cout << counts.cases << " cases in " << counts.runs << " runs, " << counts.failures
              << " failures; " << counts.left_out << " cases with a lone surrogate left out\n";
    return counts.failures == 0 && counts.cases != 0 ? 0 : 1;
  } catch (const std::exception& error) {
    std::cerr << "test-html5lib: " << error.what() << '\n';
    return 1;
  }
}
