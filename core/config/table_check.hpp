// Checks one table against its schema.
#pragma once

#include "config/document.hpp"
#include "config/option_schema.hpp"

#include <map>
#include <string>

namespace nacre::config {

// Values of one table: those that the user wrote and the schema's defaults. A key without either is absent.
class CheckedTable {
public:
  const Setting* find(const std::string& key) const;
  std::string string(const std::string& key) const;   // "" when absent
  StringList list(const std::string& key) const;      // empty when absent
  std::int64_t integer(const std::string& key) const; // 0 when absent
  double number(const std::string& key) const;        // 0 when absent
  bool boolean(const std::string& key) const;         // false when absent
  Origin origin(const std::string& key) const;        // of the value
  const std::map<std::string, Setting>& settings() const noexcept { return settings_; }
  void set(const std::string& key, Setting setting);

private:
  std::map<std::string, Setting> settings_;
};

// Null when the schema has no such key.
const OptionSchema* find_key(const Schema& schema, const std::string& key);

// Checks the keys of `table` (null: the user has none) that `schema` describes, and fills in defaults. Keys
// that the schema does not know are problems, except those in `ignored` (checked elsewhere). `name` is the
// table's dotted name, for messages.
CheckedTable check_table(const std::string& name, const Table* table, const Schema& schema,
                         const Schema& ignored, Problems& problems);

} // namespace nacre::config
