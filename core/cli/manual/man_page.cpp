#include "cli/manual/man_page.hpp"

#include "base/paths.hpp"
#include "cli/manual/verb_words.hpp"

#include <algorithm>
#include <cctype>

namespace nacre::cli {
namespace {

// Plain text: roff's own characters, and a first character that would make it a request.
std::string roff(std::string_view text) {
  std::string out = text.starts_with('.') || text.starts_with('\'') ? "\\&" : "";
  for (const char c : text) {
    if (c == '-')
      out += "\\-";
    else if (c == '\\')
      out += "\\e";
    else
      out += c;
  }
  return out;
}

std::string title(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return ".TH \"" + roff(name) + "\" 1 \"\" \"Nacre " + paths::version + "\" \"Nacre\"\n";
}

// The summary's first sentence, as whatis(1) shows it.
std::string name_line(const std::string& summary) {
  auto line = summary.substr(0, std::min(summary.find(". "), summary.find(';')));
  if (line.ends_with('.')) line.pop_back();
  line.front() = static_cast<char>(std::tolower(static_cast<unsigned char>(line.front())));
  return line;
}

std::string option_entry(const OptionText& option) {
  std::string entry = ".TP\n";
  if (option.letter) entry += std::string("\\fB\\-") + option.letter + "\\fR, ";
  entry += "\\fB" + roff("--" + option.name) + "\\fR";
  if (!option.placeholder.empty()) entry += " \\fI" + roff(option.placeholder) + "\\fR";
  return entry + "\n" + roff(option.help.empty() ? "accepted and ignored" : option.help) + "\n";
}

std::string options_section(const CommandLine& line) {
  std::string section = ".SH OPTIONS\n";
  for (const auto& option : line.options())
    section += option_entry(option);
  return section;
}

std::string verbs_section() {
  std::string section = ".SH VERBS\n";
  for (const auto& verb : all_verbs())
    section += ".TP\n\\fB" + roff("nacre-" + std::string(verb.name)) + "\\fR(1)\n" +
               roff(verb.grammar().summary()) + "\n";
  return section;
}

std::string file_entry(const std::string& path, std::string_view what) {
  return ".TP\n\\fI" + roff(path) + "\\fR\n" + roff(what) + "\n";
}

constexpr const char* exit_status = R"(.SH EXIT STATUS
0, or 1 after one sentence on standard error that says what failed, on which object, why, and what to do.
\fBrun\fR and \fBexec\fR end with the code of the process, 128 and the signal's number when a signal ended it;
\fBexec\fR with 255 when the process could not be started.
)";

} // namespace

std::string program_man_page() {
  const auto line = global_grammar();
  return title("nacre") + ".SH NAME\nnacre \\- OCI container runtime, each container in a virtual machine\n" +
         ".SH SYNOPSIS\n\\fBnacre\\fR " + roff(line.usage()) + "\n.SH DESCRIPTION\n" + roff(line.summary()) +
         "\nIts flags and JSON are those of runc, so that Docker, Podman and CRI\\-O can use it.\n" +
         options_section(line) + verbs_section() + ".SH FILES\n" +
         file_entry(std::string(paths::sysconf_dir) + "/configuration.toml",
                    "the configuration; config.d/*.toml beside it override keys") +
         file_entry(std::string(paths::defaults_dir) + "/configuration.toml", "where there is no other") +
         file_entry(std::string(paths::plugin_dir) + "/KIND/NAME.so", "the plugins") +
         file_entry(std::string(paths::default_root) + "/ID/", "state, log and timeline of a container") +
         exit_status + ".SH SEE ALSO\n\\fBrunc\\fR(8), \\fBcrun\\fR(1)\n";
}

std::string verb_man_page(const Verb& verb) {
  const auto line = verb.grammar();
  const auto name = "nacre-" + std::string(verb.name);
  std::string page = title(name) + ".SH NAME\n" + roff(name) + " \\- " + roff(name_line(line.summary())) +
                     "\n.SH SYNOPSIS\n";
  bool first = true;
  for (const auto& form : usage_forms(line)) {
    page += (first ? "" : ".br\n") + ("\\fBnacre\\fR " + roff(form)) + "\n";
    first = false;
  }
  return page + ".SH DESCRIPTION\n" + roff(line.summary()) + "\n" + options_section(line) +
         ".SH SEE ALSO\n\\fBnacre\\fR(1)\n";
}

} // namespace nacre::cli
