#include "config/kata_choices.hpp"

#include "base/paths.hpp"
#include "config/kata_verdict.hpp"
#include "config/loose_value.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <unistd.h>
#include <utility>

namespace nacre::config {
namespace {

const std::string* text_of(const Table* table, const std::string& key) {
  if (!table) return nullptr;
  const auto found = table->settings.find(key);
  return found == table->settings.end() ? nullptr : std::get_if<std::string>(&found->second.value);
}

std::string in_brackets(const StringList& names) {
  return to_toml(Value(names));
}

// "clh" is Kata's name of a table, "cloud-hypervisor" the plugin's.
std::string plugin_of(const std::string& hypervisor) {
  return hypervisor == "clh" ? "cloud-hypervisor" : hypervisor;
}

std::optional<bool> boolean_of(const Value& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag;
  const auto* text = std::get_if<std::string>(&value);
  const auto read = text ? read_loosely(OptionType::boolean, *text) : std::nullopt;
  return read ? std::optional(std::get<bool>(*read)) : std::nullopt;
}

class Choices {
public:
  Choices(Document& document, const std::string& main_file, Problems& problems)
      : document_(document), runtime_(document.tables["runtime"]), main_file_(main_file),
        problems_(problems) {}

  void choose() {
    // A file that does not name the hypervisor as ours do is Kata's: what it does not say has Kata's
    // defaults.
    const bool is_katas = !written("hypervisor");
    if (written("extra_plugin_dir"))
      if (const auto* folder = text_of(&runtime_, "extra_plugin_dir")) extra_dir_ = *folder;
    choose_hypervisor();
    const auto* chosen = text_of(&runtime_, "hypervisor");
    if (!chosen) return;
    hypervisor_ = *chosen;
    refuse_kata_hypervisor();
    table_name_ = hypervisor_table(document_, hypervisor_);
    choose_network(is_katas);
    choose_storage(is_katas);
    if (is_katas && !written("security"))
      use("security", {"seccomp"}, place_of_table(), "a file of Kata's names no plugins for it");
    move_options();
  }

private:
  bool written(const std::string& key) const { return runtime_.settings.contains(key); }
  Table* table() {
    const auto found = document_.tables.find(table_name_);
    return found == document_.tables.end() ? nullptr : &found->second;
  }
  Setting* setting(Table* table, const std::string& key) {
    if (!table) return nullptr;
    const auto found = table->settings.find(key);
    return found == table->settings.end() ? nullptr : &found->second;
  }
  Origin place_of_table() {
    if (const auto* chosen = table()) return chosen->origin;
    return runtime_.origin.is_default() ? Origin{main_file_, 1, 1} : runtime_.origin;
  }
  bool installed(const char* kind, const std::string& name) const {
    return is_plugin_installed(kind, name, extra_dir_);
  }
  void use(const std::string& key, StringList names, const Origin& origin, const std::string& why) {
    problems_.note(origin, key + " = " + in_brackets(names) + " is used: " + why);
    runtime_.settings[key] = Setting{std::move(names), origin, origin};
    document_.chosen_as_kata.insert(key);
  }

  void choose_hypervisor() {
    if (const auto* written_name = setting(&runtime_, "hypervisor")) {
      rename_hypervisor(*written_name);
      return;
    }
    if (const auto* named = setting(&runtime_, "hypervisor_name")) {
      runtime_.settings["hypervisor"] = *named;
      document_.chosen_as_kata.insert("hypervisor");
      rename_hypervisor(*named);
      return;
    }
    // Kata's rule: a file with one [hypervisor.*] table needs no other choice.
    const Table* only = nullptr;
    std::string name;
    for (const auto& [title, table] : document_.tables) {
      if (!title.starts_with("hypervisor.") || title.find('.', 11) != std::string::npos) continue;
      if (only) return;
      only = &table;
      name = title.substr(11);
    }
    if (!only) return;
    const Setting choice{name, only->origin, only->origin};
    runtime_.settings["hypervisor"] = choice;
    document_.chosen_as_kata.insert("hypervisor");
    rename_hypervisor(choice);
  }

  void rename_hypervisor(const Setting& written_name) {
    const auto* name = std::get_if<std::string>(&written_name.value);
    if (!name || plugin_of(*name) == *name) return;
    problems_.note(written_name.value_origin,
                   "the hypervisor \"" + *name + "\" is the plugin \"" + plugin_of(*name) + "\"");
    runtime_.settings["hypervisor"] =
        Setting{plugin_of(*name), written_name.key_origin, written_name.value_origin};
  }

  // A plugin of that name may exist all the same: then it is installed.
  void refuse_kata_hypervisor() {
    constexpr std::array names = {"acrn", "dragonball", "openvmm", "remote", "stratovirt"};
    if (std::find(names.begin(), names.end(), hypervisor_) == names.end() ||
        installed("hypervisor", hypervisor_))
      return;
    problems_.add(runtime_.settings.at("hypervisor").value_origin,
                  "Kata's hypervisor \"" + hypervisor_ +
                      "\" has no plugin here; write hypervisor = \"NAME\" in [runtime] with one that "
                      "`nacre plugin list` shows, and its table");
  }

  void choose_network(bool is_katas) {
    const auto* model = setting(&runtime_, "internetworking_model");
    if (written("network")) {
      if (model) problems_.note(model->key_origin, "\"internetworking_model\" in [runtime]: network decides");
      return;
    }
    if (!model) {
      if (is_katas) use("network", {"tcfilter"}, place_of_table(), "it is Kata's default");
      return;
    }
    const auto* word = std::get_if<std::string>(&model->value);
    if (!word)
      problems_.add(model->value_origin,
                    "\"internetworking_model\" in [runtime] " + type_fault(OptionType::string, model->value));
    else if (*word == "tcfilter" || *word == "default" || word->empty())
      use("network", {"tcfilter"}, model->value_origin, "it is what internetworking_model means");
    else if (*word == "none")
      use("network", {"null"}, model->value_origin, "internetworking_model is \"none\"");
    else if (*word == "macvtap")
      use("network", {"macvtap"}, model->value_origin, "it is what internetworking_model means");
    else
      refuse_model(*model, *word);
    if (!written("network"))
      runtime_.settings["network"] = Setting{StringList{"null"}, {}, {}}; // nothing more is to be said
  }

  void refuse_model(const Setting& model, const std::string& word) {
    const auto near = nearest(word, {"tcfilter", "macvtap", "none"});
    problems_.add(model.value_origin, "\"internetworking_model\" in [runtime] is " + to_toml(model.value) +
                                          ", it must be one of \"tcfilter\", \"macvtap\", \"none\"" +
                                          (near.empty() ? "" : "; did you mean \"" + near + "\"?"));
  }

  void choose_storage(bool is_katas) {
    const auto* shared = setting(table(), "shared_fs");
    if (written("storage")) {
      if (shared) problems_.note(shared->key_origin, said("shared_fs") + ": [runtime] storage decides");
      if (const auto* use = setting(table(), "disable_block_device_use"))
        problems_.note(use->key_origin, said("disable_block_device_use") + ": [runtime] storage decides");
      return;
    }
    if (!shared && !is_katas) return;
    const Origin origin = shared ? shared->value_origin : place_of_table();
    if (shared && !std::holds_alternative<std::string>(shared->value)) {
      problems_.add(origin, said("shared_fs") + " " + type_fault(OptionType::string, shared->value));
      runtime_.settings["storage"] = Setting{StringList{"null"}, {}, {}}; // nothing more is to be said
      return;
    }
    // Kata's Firecracker shares no folders, and its file has no such key.
    const bool cannot_share = hypervisor_ == "firecracker";
    choose_share(shared ? std::get<std::string>(shared->value) : cannot_share ? "none" : "virtio-fs", origin);
  }

  void choose_share(const std::string& share, const Origin& origin) {
    std::optional<StringList> names;
    std::string why = "it is what shared_fs = \"" + share + "\" means";
    if (share == "virtio-9p") {
      names = {"9p"};
    } else if (share == "virtio-fs" || share == "inline-virtio-fs") {
      if (installed("storage", "virtio-fs")) {
        names = {"virtio-fs"};
      } else {
        names = {"9p"};
        why = "there is no plugin \"virtio-fs\" yet; folders are shared over 9p";
      }
    } else if (share == "none") {
      names = StringList{};
    } else {
      const auto near = nearest(share, {"virtio-fs", "virtio-9p", "none"});
      problems_.add(origin, said("shared_fs") + " is " + to_toml(Value(share)) +
                                ", it must be one of \"virtio-fs\", \"virtio-9p\", \"none\"" +
                                (near.empty() ? "" : "; did you mean \"" + near + "\"?"));
      names = {"9p"}; // nothing follows from it
    }
    add_block(share, *names, why);
    use("storage", *names, origin, why);
  }

  // Block devices as such, where they are wanted and can be; else their file systems are shared as folders.
  void add_block(const std::string& share, StringList& names, std::string& why) {
    const auto* disabled = setting(table(), "disable_block_device_use");
    const auto flag = disabled ? boolean_of(disabled->value) : std::optional(false);
    const bool wanted = flag == false;
    if (share == "none") {
      names = {"block"};
      if (!installed("storage", "block"))
        why += ", and the plugin \"block\" is not installed: no container can be made before it is";
    } else if (wanted && installed("storage", "block")) {
      names.insert(names.begin(), "block");
    }
    if (!flag)
      problems_.add(disabled->value_origin, said("disable_block_device_use") + " " +
                                                type_fault(OptionType::boolean, disabled->value));
    else if (disabled && wanted && names.front() != "block")
      problems_.note(disabled->key_origin,
                     said("disable_block_device_use") +
                         ": the plugin \"block\" is not installed; a mounted disk is shared as a folder");
  }

  std::string said(const std::string& key) const { return "\"" + key + "\" in [" + table_name_ + "]"; }

  const StringList* chosen(const std::string& kind) const {
    const auto names = runtime_.settings.find(kind);
    return names == runtime_.settings.end() ? nullptr : std::get_if<StringList>(&names->second.value);
  }

  void move_options() {
    auto* own = table();
    if (!own) return;
    for (const auto& [key, setting] : own->settings) {
      const auto* known = find_kata_key(table_name_, key);
      if (!known || known->fate != KataFate::moved || asks_for_nothing(*known, setting.value)) continue;
      if (known->words == every_network)
        move_to_networks(key, setting);
      else
        move_to_storage(key, setting, std::string(known->words));
    }
  }

  // Whether the plugin has the option is seen when its table is checked.
  void move_to_networks(const std::string& key, const Setting& setting) {
    const auto* names = chosen("network");
    if (!names) return;
    for (const auto& name : *names)
      move(key, setting, "network." + name);
  }

  void move_to_storage(const std::string& key, const Setting& setting, const std::string& plugin) {
    const auto* names = chosen("storage");
    if (!runtime_.settings.contains("storage")) return;
    if (names && std::find(names->begin(), names->end(), plugin) != names->end())
      move(key, setting, "storage." + plugin);
    else
      problems_.note(setting.key_origin,
                     said(key) + ": [runtime] storage does not name \"" + plugin + "\", so it has no effect");
  }

  void move(const std::string& key, const Setting& setting, const std::string& to) {
    const bool moved = document_.tables[to].settings.emplace(key, setting).second;
    problems_.note(setting.key_origin,
                   said(key) + (moved ? ": it is taken for [" + to + "]" : ": [" + to + "] decides"));
  }

  Document& document_;
  Table& runtime_;
  const std::string& main_file_;
  Problems& problems_;
  std::string extra_dir_, hypervisor_, table_name_;
};

} // namespace

std::string hypervisor_table(const Document& document, const std::string& hypervisor) {
  const auto own = "hypervisor." + hypervisor;
  if (document.find(own)) return own;
  const std::string katas = "hypervisor.clh";
  return plugin_of("clh") == hypervisor && document.find(katas) ? katas : own;
}

bool is_plugin_installed(const std::string& kind, const std::string& name, const std::string& extra_dir) {
  const auto file = "/" + kind + "/" + name + ".so";
  return ::access((paths::plugin_dir + file).c_str(), F_OK) == 0 ||
         (!extra_dir.empty() && ::access((extra_dir + file).c_str(), F_OK) == 0);
}

void choose_as_kata(Document& document, const std::string& main_file, Problems& problems) {
  Choices(document, main_file, problems).choose();
}

} // namespace nacre::config
