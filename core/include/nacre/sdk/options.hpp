// A plugin's options, and those of a device: one flat JSON object, which the core has checked against the
// plugin's own description and filled with the defaults.
#ifndef NACRE_SDK_OPTIONS_HPP
#define NACRE_SDK_OPTIONS_HPP

#include <nacre/sdk/error.hpp>

#include <charconv>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace nacre::sdk {

class Options {
public:
  using Value =
      std::variant<std::monostate, bool, std::int64_t, double, std::string, std::vector<std::string>>;

  Options() = default;
  explicit Options(std::string_view json) { Reader{json}.object(values_); }

  bool has(std::string_view key) const { return values_.find(key) != values_.end(); }
  // These throw when the key has no value, or one of another type. An integer serves as a floating one.
  const std::string& string(std::string_view key) const { return get<std::string>(key, "a string"); }
  std::int64_t integer(std::string_view key) const { return get<std::int64_t>(key, "an integer"); }
  bool boolean(std::string_view key) const { return get<bool>(key, "a boolean"); }
  const std::vector<std::string>& strings(std::string_view key) const {
    return get<std::vector<std::string>>(key, "a list of strings");
  }
  double floating(std::string_view key) const {
    const auto it = values_.find(key);
    if (it != values_.end())
      if (const auto* whole = std::get_if<std::int64_t>(&it->second)) return static_cast<double>(*whole);
    return get<double>(key, "a number");
  }
  // The same with a value for a missing key.
  std::string string_or(std::string_view key, std::string other) const {
    return has(key) ? string(key) : other;
  }
  std::int64_t integer_or(std::string_view key, std::int64_t other) const {
    return has(key) ? integer(key) : other;
  }
  bool boolean_or(std::string_view key, bool other) const { return has(key) ? boolean(key) : other; }
  std::vector<std::string> strings_or_empty(std::string_view key) const {
    return has(key) ? strings(key) : std::vector<std::string>();
  }

  const std::map<std::string, Value, std::less<>>& values() const noexcept { return values_; }

private:
  template <typename T> const T& get(std::string_view key, const char* type) const {
    const auto it = values_.find(key);
    if (it == values_.end())
      throw Error(NACRE_E_INVALID_ARGUMENT, "option \"" + std::string(key) + "\" is missing");
    const T* value = std::get_if<T>(&it->second);
    if (value == nullptr)
      throw Error(NACRE_E_INVALID_ARGUMENT, "option \"" + std::string(key) + "\" is not " + type);
    return *value;
  }

  // Flat JSON only: no library, since headers alone are what a plugin of another project gets.
  struct Reader {
    std::string_view rest;

    [[noreturn]] static void fail() {
      throw Error(NACRE_E_INVALID_ARGUMENT, "the options are no flat JSON object");
    }
    void space() {
      while (!rest.empty() && (rest[0] == ' ' || rest[0] == '\t' || rest[0] == '\n' || rest[0] == '\r'))
        rest.remove_prefix(1);
    }
    bool accept(char c) {
      space();
      if (rest.empty() || rest[0] != c) return false;
      rest.remove_prefix(1);
      return true;
    }
    void expect(char c) {
      if (!accept(c)) fail();
    }
    bool word(std::string_view text) {
      if (rest.substr(0, text.size()) != text) return false;
      rest.remove_prefix(text.size());
      return true;
    }
    unsigned hex() {
      unsigned value = 0;
      if (rest.size() < 4 || std::from_chars(rest.data(), rest.data() + 4, value, 16).ptr != rest.data() + 4)
        fail();
      rest.remove_prefix(4);
      return value;
    }
    void character(std::string& to) { // after \u
      std::uint32_t c = hex();
      if (c >= 0xd800 && c < 0xdc00) {
        if (!word("\\u")) fail();
        const std::uint32_t low = hex();
        if (low < 0xdc00 || low > 0xdfff) fail();
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
      }
      const auto put = [&](std::uint32_t byte) { to += static_cast<char>(byte); };
      if (c < 0x80) {
        put(c);
      } else if (c < 0x800) {
        put(0xc0 | c >> 6), put(0x80 | (c & 0x3f));
      } else if (c < 0x10000) {
        put(0xe0 | c >> 12), put(0x80 | (c >> 6 & 0x3f)), put(0x80 | (c & 0x3f));
      } else {
        put(0xf0 | c >> 18), put(0x80 | (c >> 12 & 0x3f)), put(0x80 | (c >> 6 & 0x3f)),
            put(0x80 | (c & 0x3f));
      }
    }
    std::string string() { // after the opening quote
      std::string to;
      while (true) {
        if (rest.empty()) fail();
        const char c = rest[0];
        rest.remove_prefix(1);
        if (c == '"') return to;
        if (c != '\\') {
          to += c;
          continue;
        }
        if (rest.empty()) fail();
        const char escape = rest[0];
        rest.remove_prefix(1);
        static constexpr std::string_view names = "\"\\/bfnrt", meant = "\"\\/\b\f\n\r\t";
        if (escape == 'u')
          character(to);
        else if (const auto at = names.find(escape); at != names.npos)
          to += meant[at];
        else
          fail();
      }
    }
    Value number() {
      const std::size_t length = std::min(rest.find_first_not_of("+-.0123456789eE"), rest.size());
      const char *first = rest.data(), *last = first + length;
      rest.remove_prefix(length);
      std::int64_t whole = 0;
      if (const auto r = std::from_chars(first, last, whole); r.ec == std::errc() && r.ptr == last)
        return whole;
      double value = 0;
      if (const auto r = std::from_chars(first, last, value); r.ec == std::errc() && r.ptr == last && length)
        return value;
      fail();
    }
    Value value() {
      if (accept('"')) return string();
      if (accept('[')) {
        std::vector<std::string> list;
        if (accept(']')) return list;
        do {
          expect('"');
          list.push_back(string());
        } while (accept(','));
        expect(']');
        return list;
      }
      if (word("true")) return true;
      if (word("false")) return false;
      if (word("null")) return std::monostate();
      return number();
    }
    void object(std::map<std::string, Value, std::less<>>& to) {
      space();
      if (rest.empty()) return; // no options at all
      expect('{');
      if (!accept('}')) {
        do {
          expect('"');
          std::string key = string();
          expect(':');
          Value v = value();
          if (v.index() != 0) to.insert_or_assign(std::move(key), std::move(v));
        } while (accept(','));
        expect('}');
      }
      space();
      if (!rest.empty()) fail();
    }
  };

  std::map<std::string, Value, std::less<>> values_;
};

} // namespace nacre::sdk

#endif
