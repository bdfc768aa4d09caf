#include "tools/crawler/front_door_page.hpp"

#include <string_view>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

namespace crawler {
namespace json = boost::json;
namespace {

constexpr std::string_view head = R"(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>crawlerd</title>
<style>body{font:16px sans-serif;max-width:60em;margin:2em auto;padding:0 1em}
table{border-collapse:collapse}td,th{padding:.2em .8em;text-align:left;vertical-align:top}
input{width:70%}</style></head><body>
<h1>crawlerd</h1>
<form action="/text"><input name="url" placeholder="http://…" aria-label="URL"> <button>Text</button></form>
)";

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

std::string text_of(const json::value* value) {
  if (value == nullptr) return "";
  return escaped(value->is_string() ? std::string(value->get_string()) : json::serialize(*value));
}

std::string cell(const json::object& from, std::string_view key) {
  return "<td>" + text_of(from.if_contains(key)) + "</td>";
}

}  // namespace

std::string status_page(const json::object& status) {
  const auto line = [&](std::string_view what, std::string_view key) {
    return "<tr><th>" + std::string(what) + "</th>" + cell(status, key) + "</tr>\n";
  };
  std::string page(head);
  page += "<table>\n" + line("State", "state") + line("Downloaded", "downloaded") +
          line("Failed", "failed") + line("Waiting", "waiting") + line("In flight", "in_flight") +
          line("Transport", "transport") + line("Process", "pid") +
          line("Running for, seconds", "uptime") + "</table>\n<h2>Workers</h2>\n" +
          "<table><tr><th>Slot</th><th>Process</th><th>Life</th><th>State</th><th>Done</th>"
          "<th>At work on</th></tr>\n";
  const json::value* workers = status.if_contains("workers");
  if (workers != nullptr && workers->is_array())
    for (const json::value& each : workers->get_array()) {
      const json::object& worker = each.as_object();
      page += "<tr>" + cell(worker, "slot") + cell(worker, "pid") + cell(worker, "generation") +
              cell(worker, "state") + cell(worker, "done") + "<td>";
      for (const json::value& task : worker.at("tasks").as_array())
        page += text_of(task.as_object().if_contains("url")) + "<br>";
      page += "</td></tr>\n";
    }
  return page +
         "</table>\n<p><a href=\"/status\">The same as JSON.</a> Lists of URLs, one per line, go "
         "to "
         "<code>POST /crawl</code>.</p></body></html>\n";
}

}  // namespace crawler
