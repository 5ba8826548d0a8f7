#include "cli/host_ps.hpp"

#include "base/error.hpp"
#include "cli/host_command.hpp"

#include <charconv>

namespace nacre::cli {
namespace {

std::vector<std::string_view> fields_of(std::string_view line) {
  std::vector<std::string_view> fields;
  constexpr auto blanks = " \t";
  for (auto start = line.find_first_not_of(blanks); start != std::string_view::npos;) {
    const auto end = line.find_first_of(blanks, start);
    fields.push_back(line.substr(start, end - start));
    start = end == std::string_view::npos ? end : line.find_first_not_of(blanks, end);
  }
  return fields;
}

CommandResult run_once(const std::vector<std::string>& words) {
  try {
    return run_command(words);
  } catch (Error& error) {
    if (error.code() == ErrorCode::not_found) error.hint("install the package procps");
    throw;
  }
}

} // namespace

std::string run_ps(const std::vector<std::string>& arguments) {
  std::vector<std::string> words = {"ps"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  auto result = run_once(words);
  if (result.succeeded()) return std::move(result.output);
  while (!result.output.empty() && result.output.back() == '\n')
    result.output.pop_back();
  throw Error(ErrorCode::invalid_argument, result.status_text()).because(result.output);
}

std::string lines_of(std::string_view ps_output, const std::set<int>& pids) {
  std::string out;
  std::size_t column = std::string_view::npos;
  while (!ps_output.empty()) {
    const auto line = ps_output.substr(0, ps_output.find('\n'));
    ps_output.remove_prefix(std::min(ps_output.size(), line.size() + 1));
    const auto fields = fields_of(line);
    if (column == std::string_view::npos) { // the header
      for (std::size_t i = 0; i < fields.size() && column == std::string_view::npos; ++i)
        if (fields[i] == "PID") column = i;
      if (column == std::string_view::npos)
        throw Error(ErrorCode::invalid_argument, "couldn't find PID field in ps output"); // runc's words
    } else {
      int pid = 0;
      if (column >= fields.size()) continue;
      const auto& field = fields[column];
      const auto [end, failure] = std::from_chars(field.data(), field.data() + field.size(), pid);
      if (failure != std::errc() || end != field.data() + field.size())
        throw Error(ErrorCode::internal, "unexpected pid", field);
      if (!pids.contains(pid)) continue;
    }
    out.append(line).push_back('\n');
  }
  return out;
}

} // namespace nacre::cli
