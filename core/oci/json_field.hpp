// A JSON value together with its place in its file, so that each refusal names the field.
#pragma once

#include <boost/json/value.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nacre::oci {

class Field {
public:
  // `file` and the value must outlive the Field.
  Field(const boost::json::value* value, const std::string& file, std::string path = {})
      : value_(value), file_(&file), path_(std::move(path)) {}

  // Missing and null are the same.
  bool present() const { return value_ && !value_->is_null(); }
  const std::string& path() const { return path_; }
  [[noreturn]] void refuse(std::string_view why, std::string_view hint = {}) const;

  // A member of this object; missing ones are Fields that are not present. Refuses when this is no object.
  Field member(std::string_view key) const;
  std::vector<Field> items() const;                           // of a list; empty when not present
  std::vector<std::pair<std::string, Field>> members() const; // of an object; empty when not present

  // The value; a default when not present. Each refuses another type.
  std::string text(std::string_view fallback = {}) const; // without NUL
  std::vector<std::string> texts() const;
  bool flag(bool fallback = false) const;
  std::int64_t integer(std::int64_t minimum, std::int64_t maximum, std::int64_t fallback = 0) const;
  std::uint64_t whole() const; // 0 to 2^64-1
  std::uint32_t id() const;    // 0 to 2^32-1
  std::optional<std::int64_t> maybe_integer(std::int64_t minimum, std::int64_t maximum) const;
  std::optional<std::uint32_t> maybe_id() const;
  void require() const; // refuses when not present

private:
  const boost::json::value* value_;
  const std::string* file_;
  std::string path_;
};

} // namespace nacre::oci
