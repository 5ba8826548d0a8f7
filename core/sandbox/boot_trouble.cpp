#include "sandbox/boot_trouble.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string_view>
#include <sys/wait.h>

namespace nacre::sandbox {
namespace {

constexpr std::string_view panic_mark = "Kernel panic - not syncing: ", agent_mark = "nacre-agent: ",
                           unpack_mark = "Initramfs unpacking failed: ", execute_mark = "Failed to execute ",
                           exit_mark = "exitcode=0x";
constexpr std::size_t words_limit = 240;

// What follows `mark` in the last line that has it.
struct Found {
  std::string words;
  std::size_t line = 0;
};

std::optional<Found> find_last(const std::vector<std::string>& lines, std::string_view mark) {
  for (std::size_t i = lines.size(); i-- > 0;)
    if (const auto at = lines[i].find(mark); at != std::string::npos)
      return Found{lines[i].substr(at + mark.size(), words_limit), i};
  return std::nullopt;
}

std::string quoted(const std::string& text) {
  return "\"" + text + "\"";
}

std::string memory_remedy(const BootFiles& files) {
  return "raise default_memory, which is " + std::to_string(files.memory_mib) + " MiB";
}

constexpr char initrd_remedy[] = "set initrd to the one that holds this release's agent";

// "Attempted to kill init! exitcode=0x00000100": a wait status.
std::string how_init_ended(const std::string& words) {
  const auto at = words.find(exit_mark);
  if (at == std::string::npos) return {};
  int status = 0;
  const char* const digits = words.data() + at + exit_mark.size();
  if (std::from_chars(digits, words.data() + words.size(), status, 16).ec != std::errc()) return {};
  if (WIFSIGNALED(status)) {
    const char* const name = ::sigdescr_np(WTERMSIG(status));
    return " by signal " + std::to_string(WTERMSIG(status)) + (name ? " (" + std::string(name) + ")" : "");
  }
  return " with status " + std::to_string(WEXITSTATUS(status));
}

// "/init (error -8)"
std::string not_executed(const Found& failure, const BootFiles& files) {
  const auto space = failure.words.find(' ');
  std::string text = "the guest's kernel cannot run " + quoted(failure.words.substr(0, space)) +
                     " of initrd " + quoted(files.initrd);
  int error = 0;
  if (const auto minus = failure.words.find('-', std::min(space, failure.words.size()));
      minus != std::string::npos &&
      std::from_chars(failure.words.data() + minus + 1, failure.words.data() + failure.words.size(), error)
              .ec == std::errc())
    text += ": " + errno_text(error);
  return text;
}

BootTrouble without_init(const std::vector<std::string>& lines, const BootFiles& files) {
  if (const auto unpacking = find_last(lines, unpack_mark)) {
    const std::string cause =
        "the guest's kernel cannot unpack initrd " + quoted(files.initrd) + ": " + unpacking->words;
    if (unpacking->words == "write error") return {cause, memory_remedy(files)}; // its tmpfs is full
    return {cause, "set initrd to a whole one that this kernel can unpack"};
  }
  if (const auto failure = find_last(lines, execute_mark))
    return {not_executed(*failure, files), initrd_remedy};
  return {"the guest's kernel finds no program /init in initrd " + quoted(files.initrd), initrd_remedy};
}

BootTrouble explain_panic(const std::string& words, const std::vector<std::string>& lines,
                          const BootFiles& files) {
  const auto says = [&](const char* what) { return words.find(what) != std::string::npos; };
  if (says("Unable to mount root fs") || says("No working init found")) return without_init(lines, files);
  if (says("deadlocked on memory") || says("Out of memory") || says("out of memory"))
    return {"the guest's kernel ran out of memory", memory_remedy(files)};
  if (says("Attempted to kill init"))
    return {"the guest's first process, /init of initrd " + quoted(files.initrd) + ", ended" +
                how_init_ended(words),
            initrd_remedy};
  return {"the guest's kernel panicked: " + words,
          "look for the cause in kernel_params, kernel " + quoted(files.kernel) + " and the console's end"};
}

} // namespace

std::optional<BootTrouble> find_boot_trouble(const std::vector<std::string>& lines, const BootFiles& files,
                                             bool ended) {
  if (const auto panic = find_last(lines, panic_mark)) {
    auto trouble = explain_panic(panic->words, lines, files);
    trouble.lines_used = panic->line + 1;
    return trouble;
  }
  if (const auto agent = find_last(lines, agent_mark))
    return BootTrouble{"the guest's agent says: " + agent->words, "", lines.size()};
  if (ended && lines.empty())
    return BootTrouble{"the guest ended before its kernel said a word",
                       "check that kernel " + quoted(files.kernel) + " is made for this machine, and " +
                           memory_remedy(files) + ", if that may be too little",
                       0};
  return std::nullopt;
}

} // namespace nacre::sandbox
