#include "plugin/report_text.hpp"

#include "base/error.hpp"
#include "plugin/note_reader.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fcntl.h>
#include <filesystem>

namespace nacre::plugin {
namespace {

namespace json = boost::json;

std::string padded(std::string_view text, std::size_t width) {
  std::string line(text);
  line.resize(std::max(width, line.size() + 2), ' ');
  return line;
}

std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const auto& part : parts)
    text += (text.empty() ? "" : " ") + part;
  return text.empty() ? "none" : text;
}

// One option: name, type, default, range, help; as the plugin describes it.
std::string option_text(const json::object& option) {
  const auto text = [&](const char* key) {
    const auto* value = option.if_contains(key);
    if (value == nullptr) return std::string();
    return value->is_string() ? std::string(value->get_string()) : json::serialize(*value);
  };
  std::string details = text("type");
  if (const auto value = option.if_contains("default")) details += ", default " + json::serialize(*value);
  if (const auto value = option.if_contains("values")) details += ", one of " + json::serialize(*value);
  if (!text("min").empty()) details += ", at least " + text("min");
  if (!text("max").empty()) details += ", at most " + text("max");
  return "  " + padded(text("key"), 30) + text("help") + " (" + details + ")\n";
}

} // namespace

Target target_of_file(const std::string& word) {
  const std::filesystem::path path = std::filesystem::absolute(word).lexically_normal();
  const UniqueFd file(check_errno(::open(path.c_str(), O_RDONLY | O_CLOEXEC), "open the plugin", word));
  const NoteResult note = read_note(file.get());
  if (note.status != NoteStatus::ok)
    throw Error(ErrorCode::invalid_argument, "read the plugin", word).because(note.detail);
  const Identity identity = parse_identity(note.json);
  const auto kind = kind_of(identity.kind);
  if (!kind)
    throw Error(ErrorCode::invalid_argument, "read the plugin", word)
        .because("it is of the kind \"" + identity.kind + "\", which this version does not know");
  return {*kind, path.stem(), path};
}

Target target_named(const std::string& word, const Registry& registry) {
  const auto slash = word.find('/');
  const auto kind = slash == word.npos ? std::nullopt : kind_of(word.substr(0, slash));
  if (!kind)
    throw Error(ErrorCode::invalid_argument, "find the plugin", word)
        .hint("write KIND/NAME, where KIND is hypervisor, network, storage or security, or the path of a "
              ".so file");
  const std::string name = word.substr(slash + 1);
  return {*kind, name, registry.path_of(*kind, name)};
}

std::string list_text(const std::vector<Registry::Entry>& entries) {
  std::string text =
      padded("KIND", 12) + padded("NAME", 20) + padded("VERSION", 10) + padded("ABI", 6) + "RESULT\n";
  for (const auto& entry : entries) {
    const bool good = entry.status == LoadStatus::ok;
    const std::string abi =
        std::to_string(entry.identity.abi_major) + "." + std::to_string(entry.identity.abi_minor);
    text += padded(to_string(entry.kind), 12) + padded(entry.name, 20) +
            padded(good ? entry.identity.version : "-", 10) + padded(good ? abi : "-", 6) +
            std::string(to_string(entry.status)) + (good ? "" : ": " + entry.sentence) + "\n";
  }
  return text;
}

std::string show_text(const Target& target, const Report& report) {
  const Identity& identity = report.identity;
  std::string text = std::string(to_string(target.kind)) + " plugin \"" + target.name + "\"\n";
  const auto line = [&](std::string_view key, const std::string& value) {
    text += "  " + padded(key, 14) + value + "\n";
  };
  line("file", target.path);
  line("version", identity.version);
  line("licence", identity.licence);
  line("plugin ABI", std::to_string(identity.abi_major) + "." + std::to_string(identity.abi_minor) +
                         ", needs " + std::to_string(identity.abi_major) + "." +
                         std::to_string(identity.min_host_minor) + " or newer; " + identity.kind + " table " +
                         std::to_string(identity.kind_version));
  line("capabilities", joined(identity.capabilities));
  line("built with", report.build);
  if (report.options.empty()) return text;
  const json::value options = json::parse(report.options);
  text += options.as_array().empty() ? "no options\n"
                                     : "options in [" + identity.kind + "." + target.name + "]\n";
  for (const auto& option : options.as_array())
    text += option_text(option.as_object());
  return text;
}

std::string verify_text(const Target& target, const Report& report) {
  std::string text = target.path + "\n";
  for (const auto& finding : report.findings) {
    text += "  " + padded(to_string(finding.level), 10);
    if (finding.status != LoadStatus::ok) text += std::string(to_string(finding.status)) + ": ";
    text += finding.sentence + "\n";
  }
  return text + (report.good() ? "  good\n" : "  not usable\n");
}

std::string pairs_text(const std::vector<Pair>& pairs) {
  std::string text = padded("HYPERVISOR", 20) + padded("WITH", 28) + "RESULT\n";
  for (const auto& pair : pairs)
    text += padded(pair.hypervisor, 20) + padded(std::string(to_string(pair.kind)) + "/" + pair.name, 28) +
            (pair.refusal.empty() ? "fits" : pair.refusal) + "\n";
  return text;
}

} // namespace nacre::plugin
