// The configuration files as they were written, merged, before anything is checked.
#pragma once

#include "config/problems.hpp"
#include "config/value.hpp"

#include <map>
#include <set>
#include <string>
#include <string_view>

namespace nacre::config {

struct Table {
  Origin origin; // of the first file that has it
  std::map<std::string, Setting> settings;
};

struct Document {
  // By dotted name: "runtime", "hypervisor.qemu"; "" holds keys outside any table.
  std::map<std::string, Table> tables;
  // Lines were passed over, since they are no TOML: that something is missing says nothing.
  bool partial = false;
  // Keys of [runtime] that Kata's keys stand for (kata_choices.hpp).
  std::set<std::string> chosen_as_kata;
  const Table* find(const std::string& name) const;
};

// Parses one file. A line that is no TOML becomes a problem and is passed over, so that one run tells of all.
Document parse_document(std::string_view text, const std::string& file, Problems& problems);
// Reads and parses one file; throws Error when it cannot be read or is larger than 16 MiB.
Document read_document(const std::string& file, Problems& problems);
// A key of `over` replaces the same key of `base` and nothing else.
void merge(Document& base, Document over);

} // namespace nacre::config
