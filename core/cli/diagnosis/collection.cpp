#include "cli/diagnosis/collection.hpp"

#include "base/error.hpp"
#include "base/paths.hpp"
#include "cli/diagnosis/checks.hpp"
#include "cli/diagnosis/environment.hpp"
#include "cli/diagnosis/folder_reader.hpp"
#include "cli/diagnosis/installation.hpp"
#include "oci/pretty_json.hpp"

#include <boost/json/parse.hpp>

#include <unistd.h>

namespace nacre::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t max_log = 1u << 20; // of its end
constexpr std::size_t max_document = 4u << 20;
constexpr std::size_t max_listing = 500; // entries

constexpr const char* readme =
    "What `nacre collect` has packed: facts of the host (env.json), what `nacre check` says (check.txt), "
    "the\n"
    "configuration in force, and of each container its state, timeline, the end of its log, a summary of "
    "its\n"
    "bundle and the names of its files. Values of environment variables, arguments, annotations of users,\n"
    "passwords, tokens and keys are left out or read (masked). left-out.txt says what is missing and why.\n";

json::object parse_object(const FolderReader& folder, const std::string& name) {
  const auto tail = folder.tail(name, max_document);
  boost::system::error_code failure;
  auto value = json::parse(tail.text, failure);
  if (tail.left_out > 0 || failure || !value.is_object())
    throw Error(ErrorCode::invalid_argument, "read", name)
        .because("it is not a JSON object of at most 4 MiB");
  return std::move(value.get_object());
}

std::string bundle_of(const json::object& state) {
  const auto* bundle = state.if_contains("bundle");
  return bundle && bundle->is_string() ? std::string(bundle->get_string()) : std::string();
}

bool is_state_folder(const FolderReader& folder) {
  return folder.has("state.json") || folder.has("sandbox.log") || folder.has("journal");
}

void add_state_folders(const std::string& path, const std::string& prefix, int depth,
                       std::vector<std::pair<std::string, std::string>>& found) {
  const FolderReader folder(path);
  for (const auto& entry : folder.entries()) {
    if (!entry.is_folder) continue;
    const auto below = path + "/" + entry.name;
    if (is_state_folder(FolderReader(below)))
      found.emplace_back(prefix + "/" + entry.name, below);
    else if (depth > 0 || entry.name == "containerd")
      add_state_folders(below, depth > 0 ? prefix + "/" + entry.name : "containerd",
                        depth > 0 ? depth - 1 : 1, found);
  }
}

} // namespace

std::vector<std::pair<std::string, std::string>> state_folders(const std::string& root) {
  std::vector<std::pair<std::string, std::string>> found;
  if (::access(root.c_str(), F_OK) == 0) add_state_folders(root, "containers", 0, found);
  return found;
}

Collection::Collection() : staging_("nacre-collect") {}

void Collection::add(const std::string& path, std::string_view text) {
  if (!staging_.add(path, text)) leave_out(path, "the archive would be larger than 64 MiB");
}

void Collection::leave_out(const std::string& path, const std::string& why) {
  left_out_ += path + ": " + why + "\n";
}

void Collection::add_container(std::string label, std::string path) {
  Container container{std::move(label), std::move(path), {}};
  try {
    container.bundle = bundle_of(parse_object(FolderReader(container.path), "state.json"));
    if (!container.bundle.empty())
      learn_secrets(parse_object(FolderReader(container.bundle), "config.json"), secrets_);
  } catch (const Error&) { // said when it is written
  }
  containers_.push_back(std::move(container));
}

void Collection::add_host(const std::string& config_file, const std::string& root) {
  add("README", readme);
  json::value environment = environment_document(config_file, root);
  secrets_.mask(environment);
  add("env.json", oci::pretty(environment) + "\n");
  const auto checks = check_all(config_file, root);
  add_masked("check.txt", check_text(checks));
  const auto configuration = configuration_facts(config_file);
  if (configuration.config) {
    add_masked("configuration.toml", configuration.config->show(true));
    return;
  }
  for (const auto& problem : configuration.problems)
    leave_out("configuration.toml", secrets_.mask(problem));
}

void Collection::write_log(const Container& container, const std::string& name) {
  const auto path = container.label + "/" + name;
  try {
    const auto tail = FolderReader(container.path).tail(name, max_log);
    auto text = tail.text;
    if (tail.left_out > 0) { // from a line's begin: half a word could be half a secret
      text.erase(0, std::min(text.find('\n'), text.size() - 1) + 1);
      leave_out(path, "all but its last MiB");
    }
    add_masked(path, text);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::not_found) leave_out(path, error.what());
  }
}

void Collection::write_document(const Container& container, const std::string& name) {
  const auto path = container.label + "/" + name;
  try {
    json::value document = state_summary(parse_object(FolderReader(container.path), name));
    secrets_.mask(document);
    add(path, oci::pretty(document) + "\n");
  } catch (const Error& error) {
    leave_out(path, error.what());
  }
}

void Collection::write_bundle(const Container& container) {
  if (container.bundle.empty()) return;
  const auto path = container.label + "/bundle.json";
  try {
    json::value document = bundle_summary(parse_object(FolderReader(container.bundle), "config.json"));
    secrets_.mask(document);
    add(path, oci::pretty(document) + "\n");
  } catch (const Error& error) {
    leave_out(path, error.what());
  }
}

void Collection::write_listing(const Container& container) {
  const FolderReader folder(container.path);
  std::string text;
  std::size_t count = 0;
  const auto list = [&](const std::string& name, const std::string& prefix) {
    for (const auto& entry : folder.entries(name))
      if (++count <= max_listing)
        text += entry.mode + " " + std::to_string(entry.size) + " " + prefix + entry.name + "\n";
  };
  list(".", "");
  if (folder.has("journal")) list("journal", "journal/");
  add_masked(container.label + "/files.txt", text);
}

void Collection::write_container(const Container& container) {
  write_document(container, "state.json");
  write_document(container, "timeline.json");
  write_log(container, "sandbox.log");
  write_bundle(container);
  try {
    write_listing(container);
  } catch (const Error& error) {
    leave_out(container.label + "/files.txt", error.what());
  }
}

void Collection::write(const std::string& file) {
  for (const auto& container : containers_)
    write_container(container);
  if (!left_out_.empty()) staging_.add("left-out.txt", secrets_.mask(left_out_));
  staging_.pack(file);
}

} // namespace nacre::cli
