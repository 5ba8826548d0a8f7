#include "cli/manual/completion.hpp"
#include "cli/manual/verb_words.hpp"
#include "cli/verb_table.hpp"

namespace nacre::cli {
namespace {

std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

std::string option_lines(const CommandLine& line, const std::string& condition) {
  std::string out;
  for (const auto& option : line.options()) {
    out += "complete -c nacre -n " + quoted(condition) + " -l " + option.name;
    if (option.letter) out += std::string(" -s ") + option.letter;
    if (is_folder(option))
      out += " -x -a '(__fish_complete_directories)'";
    else if (is_file(option))
      out += " -r -F";
    else if (!option.placeholder.empty())
      out += " -x";
    std::string choices;
    for (const auto& choice : choices_of(option))
      choices += (choices.empty() ? "" : " ") + choice;
    if (!choices.empty()) out += " -a " + quoted(choices);
    out += " -d " + quoted(option.help) + "\n";
  }
  return out;
}

} // namespace

std::string fish_completion() {
  std::string out = "# Completion of nacre for fish, made from its option tables.\n\n"
                    "function __nacre_containers\n"
                    "    set -l words (commandline -opc)\n"
                    "    set -l root\n"
                    "    if set -l at (contains -i -- --root $words)\n"
                    "        set root --root $words[(math $at + 1)]\n"
                    "    end\n"
                    "    nacre $root list --quiet 2>/dev/null\n"
                    "end\n\n"
                    "complete -c nacre -f\n";
  out += option_lines(global_grammar(), "__fish_use_subcommand");
  for (const auto& verb : all_verbs()) {
    const auto line = verb.grammar();
    const auto words = verb_words(line);
    const auto condition = "__fish_seen_subcommand_from " + std::string(verb.name);
    out += "complete -c nacre -n __fish_use_subcommand -a " + std::string(verb.name) + " -d " +
           quoted(verb.brief) + "\n";
    out += option_lines(line, condition);
    if (words.container) out += "complete -c nacre -n " + quoted(condition) + " -a '(__nacre_containers)'\n";
    for (const auto& action : words.actions)
      out += "complete -c nacre -n " + quoted(condition) + " -a " + action + "\n";
    if (words.files) out += "complete -c nacre -n " + quoted(condition) + " -F\n";
  }
  return out;
}

} // namespace nacre::cli
