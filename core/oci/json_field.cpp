#include "oci/json_field.hpp"

#include "base/error.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <limits>

namespace nacre::oci {

void Field::refuse(std::string_view why, std::string_view hint) const {
  Error error(ErrorCode::invalid_argument, *file_);
  error.because((path_.empty() ? "the document" : path_) + " " + std::string(why));
  if (!hint.empty()) error.hint(hint);
  throw error;
}

Field Field::member(std::string_view key) const {
  auto path = path_.empty() ? std::string(key) : path_ + "." + std::string(key);
  if (!present()) return Field(nullptr, *file_, std::move(path));
  const auto* object = value_->if_object();
  if (!object) refuse("is not an object");
  return Field(object->if_contains(key), *file_, std::move(path));
}

std::vector<Field> Field::items() const {
  if (!present()) return {};
  const auto* array = value_->if_array();
  if (!array) refuse("is not a list");
  std::vector<Field> out;
  out.reserve(array->size());
  for (const auto& item : *array)
    out.emplace_back(&item, *file_, path_ + "[" + std::to_string(out.size()) + "]");
  return out;
}

std::vector<std::pair<std::string, Field>> Field::members() const {
  if (!present()) return {};
  const auto* object = value_->if_object();
  if (!object) refuse("is not an object");
  std::vector<std::pair<std::string, Field>> out;
  out.reserve(object->size());
  for (const auto& [key, value] : *object)
    out.emplace_back(std::string(key), Field(&value, *file_, path_ + "[\"" + std::string(key) + "\"]"));
  return out;
}

std::string Field::text(std::string_view fallback) const {
  if (!present()) return std::string(fallback);
  const auto* string = value_->if_string();
  if (!string) refuse("is not a string");
  if (string->find('\0') != boost::json::string::npos) refuse("holds a NUL character");
  return std::string(*string);
}

std::vector<std::string> Field::texts() const {
  std::vector<std::string> out;
  for (const auto& item : items()) {
    item.require();
    out.push_back(item.text());
  }
  return out;
}

bool Field::flag(bool fallback) const {
  if (!present()) return fallback;
  if (!value_->is_bool()) refuse("is not true or false");
  return value_->get_bool();
}

std::int64_t Field::integer(std::int64_t minimum, std::int64_t maximum, std::int64_t fallback) const {
  if (!present()) return fallback;
  if (!value_->is_number()) refuse("is not a number");
  boost::system::error_code failure;
  const auto number = value_->to_number<std::int64_t>(failure);
  if (failure || number < minimum || number > maximum)
    refuse("must be a whole number from " + std::to_string(minimum) + " to " + std::to_string(maximum));
  return number;
}

std::uint64_t Field::whole() const {
  if (!present()) return 0;
  if (!value_->is_number()) refuse("is not a number");
  boost::system::error_code failure;
  const auto number = value_->to_number<std::uint64_t>(failure);
  if (failure) refuse("must be a whole number from 0 to 18446744073709551615");
  return number;
}

std::uint32_t Field::id() const {
  return static_cast<std::uint32_t>(integer(0, std::numeric_limits<std::uint32_t>::max()));
}

std::optional<std::int64_t> Field::maybe_integer(std::int64_t minimum, std::int64_t maximum) const {
  if (!present()) return std::nullopt;
  return integer(minimum, maximum);
}

std::optional<std::uint32_t> Field::maybe_id() const {
  if (!present()) return std::nullopt;
  return id();
}

void Field::require() const {
  if (!present()) refuse("is missing");
}

} // namespace nacre::oci
