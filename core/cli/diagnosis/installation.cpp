#include "cli/diagnosis/installation.hpp"

#include "base/error.hpp"
#include "base/paths.hpp"
#include "oci/file_io.hpp"

#include <boost/json/parse.hpp>

#include <algorithm>
#include <cerrno>
#include <sys/stat.h>
#include <unistd.h>

namespace nacre::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t max_note = 16u << 20;

void add_plugin(std::vector<PluginFacts>& list, plugin::Kind kind, const std::string& name, std::string path,
                bool chosen) {
  const auto is_it = [&](const PluginFacts& facts) { return facts.kind == kind && facts.name == name; };
  if (std::any_of(list.begin(), list.end(), is_it)) return;
  list.push_back({kind, name, std::move(path), chosen, {}, {}});
}

void add_chosen(std::vector<PluginFacts>& list, const plugin::Registry& registry,
                const config::RuntimeOptions& runtime) {
  const auto add = [&](plugin::Kind kind, const std::string& name) {
    add_plugin(list, kind, name, registry.path_of(kind, name), true);
  };
  add(plugin::Kind::hypervisor, runtime.hypervisor);
  for (const auto& name : runtime.network)
    add(plugin::Kind::network, name);
  for (const auto& name : runtime.storage)
    add(plugin::Kind::storage, name);
  for (const auto& name : runtime.security)
    add(plugin::Kind::security, name);
}

void add_error(PluginFacts& facts, std::string sentence) {
  facts.report.findings.push_back(
      {plugin::Finding::Level::error, plugin::LoadStatus::ok, std::move(sentence)});
}

void try_plugin(PluginFacts& facts, const config::Config* config) {
  plugin::VerifyOptions options;
  if (config)
    options.options_of = [&](std::string_view schema) {
      return config->check(to_string(facts.kind), facts.name, config::parse_schema(schema)).json;
    };
  facts.report = plugin::verify(facts.path, facts.kind, facts.name, options);
  if (!config || facts.report.options.empty()) return;
  try {
    facts.options =
        config->check(to_string(facts.kind), facts.name, config::parse_schema(facts.report.options));
  } catch (const Error&) { // the report has it
  }
}

GuestFile guest_file(std::string what, const std::string& path) {
  GuestFile file{std::move(what), path, 0, {}};
  struct stat status {};
  if (::stat(path.c_str(), &status) < 0)
    file.problem = errno_text(errno);
  else if (!S_ISREG(status.st_mode))
    file.problem = "not a regular file";
  else if (::access(path.c_str(), R_OK) < 0)
    file.problem = errno_text(errno);
  file.size = file.problem.empty() ? static_cast<std::uint64_t>(status.st_size) : 0;
  return file;
}

void read_note(GuestFacts& facts) {
  try {
    const auto text = oci::read_file(facts.note_path, max_note, "read the note of the guest image");
    if (!text) {
      facts.note_problem = "there is none";
      return;
    }
    boost::system::error_code failure;
    const auto value = json::parse(*text, failure);
    if (failure || !value.is_object())
      facts.note_problem = "it is not a JSON object";
    else
      facts.note = value.get_object();
  } catch (const Error& error) {
    facts.note_problem = error.cause().empty() ? error.what() : error.cause();
  }
}

} // namespace

ConfigurationFacts configuration_facts(const std::string& file) {
  ConfigurationFacts facts;
  config::Problems problems;
  try {
    auto config = config::parse({file}, problems);
    facts.files = config.files();
    if (problems.empty()) facts.config = std::move(config);
  } catch (const Error& error) {
    facts.problems.emplace_back(error.what());
  }
  for (const auto& problem : problems.list())
    facts.problems.push_back((problem.origin.file.empty() ? "" : problem.origin.text() + ": ") +
                             problem.text);
  return facts;
}

std::vector<PluginFacts> plugin_facts(const ConfigurationFacts& configuration) {
  const auto* config = configuration.config ? &*configuration.config : nullptr;
  const plugin::Registry registry(config ? config->runtime().extra_plugin_dir : std::string());
  std::vector<PluginFacts> list;
  if (config) add_chosen(list, registry, config->runtime());
  for (const auto& entry : registry.list())
    add_plugin(list, entry.kind, entry.name, entry.path, false);
  for (auto& facts : list) {
    try {
      try_plugin(facts, config);
    } catch (const Error& error) { // no memory for another process
      add_error(facts, error.what());
    }
  }
  return list;
}

GuestFacts guest_facts(const ConfigurationFacts& configuration) {
  GuestFacts facts;
  const std::string folder = paths::data_dir;
  facts.note_path = folder + "/guest.json";
  if (configuration.config) {
    const auto& guest = configuration.config->guest();
    facts.files.push_back(guest_file("kernel", guest.kernel));
    if (!guest.initrd.empty()) facts.files.push_back(guest_file("initrd", guest.initrd));
    if (!guest.image.empty()) facts.files.push_back(guest_file("image", guest.image));
    facts.note_path = guest.kernel.substr(0, guest.kernel.rfind('/')) + "/guest.json";
  } else { // what would be used
    facts.files.push_back(guest_file("kernel", folder + "/vmlinux"));
    facts.files.push_back(guest_file("initrd", folder + "/nacre-initrd.img"));
  }
  read_note(facts);
  return facts;
}

} // namespace nacre::cli
