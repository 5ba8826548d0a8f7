// Keeps secrets out of what an operator sends to somebody else: passwords, tokens, keys, values of
// environment variables. By name where there is one, and by value where a value is known to be one.
#pragma once

#include <boost/json/value.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace nacre::cli {

inline constexpr std::string_view masked = "(masked)";

// Whether a key, variable, annotation or flag of this name holds a secret, as far as a name can tell.
bool is_secret_name(std::string_view name);

class Secrets {
public:
  // A value that must appear nowhere. Short ones are passed over: they would mask half of each text.
  void add(std::string_view value);

  // The text without known values, values of secret names (`password=x`, "token": "x", --api-key x), bearer
  // tokens, and passwords in URLs.
  std::string mask(std::string_view text) const;
  // Of every string in it, and of members with secret names the whole value.
  void mask(boost::json::value& value) const;

private:
  std::vector<std::string> values_; // longest first
};

} // namespace nacre::cli
