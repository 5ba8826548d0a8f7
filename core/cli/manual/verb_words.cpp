#include "cli/manual/verb_words.hpp"

#include <algorithm>
#include <sstream>

namespace nacre::cli {
namespace {

std::vector<std::string> split(const std::string& text, const std::string& separator) {
  std::vector<std::string> parts;
  std::size_t at = 0;
  for (auto end = text.find(separator); end != std::string::npos; end = text.find(separator, at)) {
    parts.push_back(text.substr(at, end - at));
    at = end + separator.size();
  }
  parts.push_back(text.substr(at));
  return parts;
}

bool is_action(const std::string& word) {
  return !word.empty() &&
         std::all_of(word.begin(), word.end(), [](char c) { return (c >= 'a' && c <= 'z') || c == '-'; }) &&
         word.front() != '-';
}

} // namespace

std::vector<std::string> usage_forms(const CommandLine& line) {
  return split(line.usage(), " | ");
}

VerbWords verb_words(const CommandLine& line) {
  VerbWords words;
  for (const auto& form : usage_forms(line)) {
    std::istringstream stream(form);
    std::string verb, first;
    stream >> verb >> first;
    if (is_action(first)) words.actions.push_back(first);
    words.container |= form.find("<container-id>") != std::string::npos;
    words.containers |= form.find("<container-id>...") != std::string::npos;
    words.files |= is_action(first) && form.find("FILE") != std::string::npos;
  }
  return words;
}

std::vector<std::string> choices_of(const OptionText& option) {
  if (option.placeholder.find('|') == std::string::npos) return {};
  return split(option.placeholder, "|");
}

bool is_file(const OptionText& option) {
  return option.placeholder == "FILE" || option.placeholder == "SOCKET" || option.placeholder == "PATH";
}

bool is_folder(const OptionText& option) {
  return option.placeholder == "DIR";
}

} // namespace nacre::cli
