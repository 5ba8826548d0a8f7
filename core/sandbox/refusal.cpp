#include "sandbox/refusal.hpp"

#include <algorithm>
#include <cctype>

namespace nacre::sandbox {
namespace {

constexpr std::string_view crun_mark = "crun: ";

// strerror's words as Go has them.
std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

std::size_t start_of_reason(const std::string& words) {
  const auto colon = words.rfind(": ");
  return colon == std::string::npos ? 0 : colon + 2;
}

std::string reason_of(const std::string& words) {
  return lower_case(words.substr(start_of_reason(words)));
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

std::string in_host_paths(std::string words, std::vector<std::pair<std::string, std::string>> paths) {
  // The longest first: .../mounts/1 begins .../mounts/10 too.
  std::sort(paths.begin(), paths.end(),
            [](const auto& a, const auto& b) { return a.first.size() > b.first.size(); });
  for (const auto& [guest, host] : paths)
    if (!guest.empty()) replace_all(words, guest, host);
  return words;
}

} // namespace

std::string runc_words(std::string words, const AskedProcess& asked) {
  const std::string exec = "exec: \"" + asked.program + "\": ";
  if (words.starts_with("executable file `"))
    return asked.program.find('/') == std::string::npos
               ? exec + "executable file not found in $PATH"
               : exec + "stat " + asked.program + ": no such file or directory";
  // crun from 1.9 on, and runc from 1.1.10.
  if (words.starts_with("the path `") && words.find("is not a regular file") != std::string::npos)
    return exec + "is a directory";
  if (words.starts_with("the path `") && words.find("it is not executable") != std::string::npos)
    return exec + "permission denied";
  // EPERM is crun's for a folder and a file without the right; runc's is Go's for both.
  if (words.starts_with("open executable: ")) {
    const auto reason = reason_of(words);
    return exec + (reason == "operation not permitted" ? "permission denied" : reason);
  }
  if (words.starts_with("chdir `") || words.starts_with("chdir to `"))
    return "chdir to cwd (\"" + asked.cwd + "\") set in config.json failed: " + reason_of(words);
  if (words.starts_with("open /proc/sys/") || words.starts_with("open `/proc/sys/")) {
    std::erase(words, '`');
    return "error during container init: " + words.substr(0, start_of_reason(words)) + reason_of(words);
  }
  return "error during container init: " + in_host_paths(std::move(words), asked.paths);
}

void throw_if_refused(const Error& error, std::string_view operation, const AskedProcess& asked) {
  const std::string& words = error.cause();
  if (words.starts_with("set sysctl ") ||
      (words.starts_with("error running ") && words.find(" hook #") != std::string::npos))
    throw Refusal(error.code(), words);
  if (!words.starts_with(crun_mark)) return;
  Refusal refusal(error.code(), operation);
  refusal.because(runc_words(words.substr(crun_mark.size()), asked));
  throw refusal;
}

} // namespace nacre::sandbox
