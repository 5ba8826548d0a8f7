// Every key of Kata Containers' configuration, from 1.0 to 4.1 and of both its runtimes, and what becomes of
// it here. A key is acted on, told about in a notice, or refused: none is accepted without effect.
#pragma once

#include "config/option_schema.hpp"

#include <span>
#include <string_view>

namespace nacre::config {

enum class KataFate {
  honoured, // an option of the same name: of the core, or of the hypervisor plugin that has it
  chosen,   // decides which plugins are used (kata_choices.hpp)
  moved,    // an option of storage or network plugins (kata_choices.hpp)
  mapped,   // Nacre does something else, which the notice says
  refused,
};

struct KataKey {
  std::string_view key;
  OptionType type;
  KataFate fate; // of a value that asks for something
  // The values that ask for nothing, or for what Nacre does anyway: TOML texts with `|` between them.
  std::string_view nothing;
  // mapped: what Nacre does instead; refused: why, and what to do; moved: the storage plugin, or
  // every_network. Honoured: why it is refused where the plugin in use has no such option. Empty: not
  // supported yet.
  std::string_view words = {};
  // The annotation that may set it, below io.katacontainers.config.GROUP: "=" for the key's own name; empty:
  // none may.
  std::string_view annotation = {};
};

// Of a key that is moved: it goes to each plugin that `network` names.
inline constexpr std::string_view every_network = "network.*";

struct KataTable {
  std::string_view name; // "*" stands for one part of a dotted name
  std::span<const KataKey> keys;
};

std::span<const KataTable> kata_tables();
// Null when Kata has no such table or key.
const KataTable* find_kata_table(std::string_view table);
const KataKey* find_kata_key(std::string_view table, std::string_view key);

std::span<const KataKey> kata_hypervisor_keys(); // kata_hypervisor_keys.cpp
std::span<const KataKey> kata_device_keys();     // kata_device_keys.cpp
std::span<const KataKey> kata_agent_keys();      // kata_agent_keys.cpp
std::span<const KataKey> kata_mem_agent_keys();
std::span<const KataKey> kata_runtime_keys(); // kata_runtime_keys.cpp
std::span<const KataKey> kata_factory_keys(); // kata_part_keys.cpp
std::span<const KataKey> kata_rootless_user_keys();
std::span<const KataKey> kata_proxy_keys();
std::span<const KataKey> kata_shim_keys();
std::span<const KataKey> kata_netmon_keys();
std::span<const KataKey> kata_image_keys();

} // namespace nacre::config
