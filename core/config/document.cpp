#include "config/document.hpp"

#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "config/toml_lines.hpp"

#include <fcntl.h>
#include <sys/stat.h>

// toml++ asserts that a table's header begins with a key (with NDEBUG it lets clang assume so), and its next
// lines refuse in words what does not: a user's typing error must reach them.
#undef NDEBUG
#define TOML_ASSERT(expr) static_assert(true)
#include <toml++/toml.h>

namespace nacre::config {
namespace {

constexpr std::size_t max_file_size = 16 << 20;
constexpr std::size_t max_text_size = 64 << 10; // of one value
constexpr int max_errors = 50;                  // of syntax, in one file

Origin origin_of(const toml::source_region& region, const std::string& file) {
  return {file, static_cast<int>(region.begin.line), static_cast<int>(region.begin.column)};
}

std::string kind_name(const toml::node& node) {
  switch (node.type()) {
  case toml::node_type::date:
    return "date";
  case toml::node_type::time:
    return "time";
  case toml::node_type::date_time:
    return "date-time";
  case toml::node_type::table:
    return "inline table";
  case toml::node_type::array:
    return "list that holds something other than strings";
  default:
    return "value";
  }
}

Value value_of(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return number->get();
  if (const auto* number = node.as_floating_point()) return number->get();
  if (const auto* flag = node.as_boolean()) return flag->get();
  if (const auto* array = node.as_array()) {
    StringList list;
    for (const auto& item : *array) {
      const auto* text = item.as_string();
      if (!text) return Unsupported{kind_name(node)};
      list.push_back(text->get());
    }
    return list;
  }
  return Unsupported{kind_name(node)};
}

bool is_too_long(const Value& value) {
  const auto* text = std::get_if<std::string>(&value);
  if (text) return text->size() > max_text_size;
  const auto* list = std::get_if<StringList>(&value);
  if (!list) return false;
  std::size_t size = 0;
  for (const auto& item : *list)
    size += item.size();
  return size > max_text_size;
}

class Collector {
public:
  Collector(const std::string& file, Document& out, Problems& problems)
      : file_(file), out_(out), problems_(problems) {}

  void collect(const toml::table& table, const std::string& name) {
    out_.tables[name].origin = origin_of(table.source(), file_);
    for (const auto& [key, node] : table) {
      if (name.empty() && is_unread_table(key.str())) continue;
      const auto* inner = node.as_table();
      if (inner && !inner->is_inline())
        collect(*inner, name.empty() ? std::string(key.str()) : name + "." + std::string(key.str()));
      else
        add(name, key, node);
    }
  }

private:
  void add(const std::string& name, const toml::key& key, const toml::node& node) {
    Setting setting{value_of(node), origin_of(key.source(), file_), origin_of(node.source(), file_)};
    if (is_too_long(setting.value)) {
      problems_.add(setting.value_origin, "\"" + std::string(key.str().substr(0, 64)) + "\" in [" + name +
                                              "] is longer than 64 KiB; shorten it");
      return;
    }
    out_.tables[name].settings[std::string(key.str())] = std::move(setting);
  }

  const std::string& file_;
  Document& out_;
  Problems& problems_;
};

std::string read_small_file(const std::string& file) {
  const UniqueFd fd(
      check_errno(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY), "open configuration", file));
  struct stat status {};
  check_errno(::fstat(fd.get(), &status), "read configuration", file);
  if (!S_ISREG(status.st_mode))
    throw Error(ErrorCode::invalid_argument, "read configuration", file).because("not a regular file");
  std::string text;
  char buffer[16384];
  for (;;) {
    const auto count = check_errno(::read(fd.get(), buffer, sizeof buffer), "read configuration", file);
    if (count == 0) return text;
    text.append(buffer, static_cast<std::size_t>(count));
    if (text.size() > max_file_size)
      throw Error(ErrorCode::invalid_argument, "read configuration", file).because("larger than 16 MiB");
  }
}

} // namespace

const Table* Document::find(const std::string& name) const {
  const auto found = tables.find(name);
  return found == tables.end() ? nullptr : &found->second;
}

Document parse_document(std::string_view text, const std::string& file, Problems& problems) {
  Document document;
  TomlLines lines(text);
  lines.leave_out_deep_ones([&](int line) {
    problems.add({file, line, 1}, "tables are nested more than " + std::to_string(max_nesting) + " deep");
  });
  lines.leave_out_undecodable_ones([&](int line, int column) {
    problems.add({file, line, column}, "not valid TOML: this is not UTF-8");
  });
  for (int errors = 0; errors < max_errors; ++errors) {
    try {
      const toml::table table = toml::parse(lines.text(), file);
      Collector(file, document, problems).collect(table, "");
      break;
    } catch (const toml::parse_error& error) {
      auto origin = origin_of(error.source(), file);
      // Of what is written twice the parser names the value; the key is what to look for.
      if (error.description().find("redefine") != std::string_view::npos)
        origin.column = lines.first_column(origin.line);
      document.partial = true;
      problems.add(origin, "not valid TOML: " + std::string(error.description()));
      if (!lines.leave_out(origin.line)) break;
    }
  }
  document.partial |= lines.left_some_out();
  return document;
}

Document read_document(const std::string& file, Problems& problems) {
  return parse_document(read_small_file(file), file, problems);
}

void merge(Document& base, Document over) {
  base.partial |= over.partial;
  for (auto& [name, table] : over.tables) {
    auto& target = base.tables[name];
    if (target.origin.is_default()) target.origin = table.origin;
    for (auto& [key, setting] : table.settings)
      target.settings[key] = std::move(setting);
  }
}

} // namespace nacre::config
