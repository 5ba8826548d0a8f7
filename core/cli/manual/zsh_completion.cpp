#include "cli/manual/completion.hpp"
#include "cli/manual/verb_words.hpp"
#include "cli/verb_table.hpp"

namespace nacre::cli {
namespace {

// Within a specification of _arguments, itself within single quotes.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
      continue;
    }
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string values_of(const OptionText& option) {
  if (option.placeholder.empty()) return {};
  const auto value = ":" + escaped(option.placeholder) + ":";
  if (is_folder(option)) return value + "_files -/";
  if (is_file(option)) return value + "_files";
  std::string choices;
  for (const auto& choice : choices_of(option))
    choices += (choices.empty() ? "" : " ") + choice;
  return choices.empty() ? value + " " : value + "(" + choices + ")";
}

std::string specification(const OptionText& option) {
  const auto equals = option.placeholder.empty() ? "" : "=";
  const auto rest = "[" + escaped(option.help) + "]" + values_of(option) + "'";
  if (!option.letter) return "'--" + option.name + equals + rest;
  return std::string("'(-") + option.letter + " --" + option.name + ")'{-" + option.letter + ",--" +
         option.name + equals + "}'" + rest;
}

std::string specifications(const CommandLine& line, const std::string& indent) {
  std::string out;
  for (const auto& option : line.options())
    out += " \\\n" + indent + specification(option);
  return out;
}

std::string words_of(const CommandLine& line) {
  const auto words = verb_words(line);
  const std::string next = " \\\n      ";
  if (words.containers) return next + "'*:container:_nacre_containers'";
  if (words.container) return next + "'1:container:_nacre_containers'" + next + "'*: :_default'";
  if (words.actions.empty()) return {};
  std::string actions;
  for (const auto& action : words.actions)
    actions += (actions.empty() ? "" : " ") + action;
  return next + "'1:action:(" + actions + ")'" + (words.files ? next + "'2:file:_files'" : "");
}

} // namespace

std::string zsh_completion() {
  std::string verbs, cases;
  for (const auto& verb : all_verbs()) {
    const auto line = verb.grammar();
    verbs += "      '" + std::string(verb.name) + ":" + escaped(verb.brief) + "'\n";
    cases += "    " + std::string(verb.name) + ")\n      _arguments -s -S" + specifications(line, "      ") +
             words_of(line) + " ;;\n";
  }
  return "#compdef nacre\n# Completion of nacre for zsh, made from its option tables.\n\n"
         "_nacre_containers() {\n"
         "  local -a ids\n"
         "  ids=(${(f)\"$(nacre ${nacre_root} list --quiet 2>/dev/null)\"})\n"
         "  compadd -a ids\n}\n\n"
         "_nacre() {\n  local curcontext=$curcontext state line\n  local -a nacre_root\n  typeset -A "
         "opt_args\n"
         "  _arguments -C -s -S" +
         specifications(global_grammar(), "    ") +
         " \\\n    '1:verb:->verb' \\\n    '*::argument:->argument'\n"
         "  if [[ -n ${opt_args[--root]} ]]; then nacre_root=(--root ${(Q)opt_args[--root]}); fi\n"
         "  case $state in\n  verb)\n    local -a verbs=(\n" +
         verbs + "    )\n    _describe verb verbs ;;\n  argument)\n    case $line[1] in\n" + cases +
         "    esac ;;\n  esac\n}\n\n_nacre \"$@\"\n";
}

} // namespace nacre::cli
