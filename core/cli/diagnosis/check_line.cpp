#include "cli/diagnosis/check_line.hpp"

#include "oci/pretty_json.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

namespace nacre::cli {

std::string_view to_string(CheckLevel level) {
  switch (level) {
  case CheckLevel::ok:
    return "ok";
  case CheckLevel::skip:
    return "skip";
  case CheckLevel::warning:
    return "warning";
  case CheckLevel::error:
    return "error";
  }
  return {};
}

bool good(const std::vector<CheckLine>& lines) {
  return std::none_of(lines.begin(), lines.end(),
                      [](const CheckLine& line) { return line.level == CheckLevel::error; });
}

std::string check_text(const std::vector<CheckLine>& lines) {
  std::size_t width = 0;
  for (const auto& line : lines)
    width = std::max(width, line.subject.size());
  std::string out;
  for (const auto& line : lines) {
    std::string level(to_string(line.level)), subject = line.subject;
    level.resize(9, ' ');
    subject.resize(width + 2, ' ');
    auto sentence = line.sentence + (line.remedy.empty() ? "" : "; " + line.remedy);
    std::replace(sentence.begin(), sentence.end(), '\n', ' ');
    out += level + subject + sentence + "\n";
  }
  return out +
         (good(lines) ? "containers can run\n" : "containers cannot run before the errors are mended\n");
}

std::string check_json(const std::vector<CheckLine>& lines) {
  boost::json::array checks;
  for (const auto& line : lines)
    checks.push_back({{"level", to_string(line.level)},
                      {"subject", line.subject},
                      {"sentence", line.sentence},
                      {"remedy", line.remedy}});
  return oci::pretty(boost::json::object{{"good", good(lines)}, {"checks", std::move(checks)}}) + "\n";
}

} // namespace nacre::cli
