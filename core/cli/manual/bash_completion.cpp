#include "cli/manual/completion.hpp"
#include "cli/manual/verb_words.hpp"
#include "cli/verb_table.hpp"

namespace nacre::cli {
namespace {

// Needs nothing of the package bash-completion but to be found.
constexpr const char* body = R"sh(
_nacre() {
  local command=${COMP_WORDS[0]} current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
  local verb='' root='' flag='' word='' REPLY='' count=0 i
  if [[ $current == = ]]; then current=; fi                                     # --flag=
  if [[ $previous == = ]]; then previous=${COMP_WORDS[COMP_CWORD-2]}; fi         # --flag=val
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if [[ $word == = ]]; then continue; fi
    if [[ -n $flag ]]; then
      if [[ $flag == --root ]]; then root=$word; fi
      flag=
    elif [[ $word == -* ]]; then
      _nacre_placeholder "$verb" "$word"
      if [[ -n $REPLY ]]; then flag=$word; fi
    elif [[ -z $verb ]]; then
      verb=$word
    else
      count=$((count + 1))
    fi
  done
  COMPREPLY=()
  if [[ $previous == -* ]] && _nacre_placeholder "$verb" "$previous" && [[ -n $REPLY ]]; then
    case $REPLY in
    DIR) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$current") ;;
    FILE | SOCKET | PATH) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
    *'|'*) mapfile -t COMPREPLY < <(compgen -W "${REPLY//|/ }" -- "$current") ;;
    esac
  elif [[ $current == -* ]]; then
    _nacre_flags "$verb"
    mapfile -t COMPREPLY < <(compgen -W "$REPLY" -- "$current")
  elif [[ -z $verb ]]; then
    _nacre_verbs
    mapfile -t COMPREPLY < <(compgen -W "$REPLY" -- "$current")
  else
    _nacre_words "$verb"
    if [[ $REPLY == ids || ( $REPLY == id && $count == 0 ) ]]; then
      REPLY=$("$command" ${root:+--root "$root"} list --quiet 2>/dev/null)
    elif [[ $count -gt 0 ]]; then
      REPLY=
      compopt -o default
    fi
    if [[ -n $REPLY && $REPLY != id ]]; then mapfile -t COMPREPLY < <(compgen -W "$REPLY" -- "$current"); fi
  fi
}
complete -F _nacre nacre
)sh";

std::string flags_of(const CommandLine& line) {
  std::string flags;
  for (const auto& option : line.options())
    flags += (flags.empty() ? "--" : " --") + option.name;
  return flags;
}

std::string placeholder_cases(const std::string& verb, const CommandLine& line) {
  std::string cases;
  for (const auto& option : line.options()) {
    if (option.placeholder.empty()) continue;
    cases += "  '" + verb + " --" + option.name + "'";
    if (option.letter) cases += " | '" + verb + " -" + option.letter + "'";
    cases += ") REPLY='" + option.placeholder + "' ;;\n";
  }
  return cases;
}

std::string words_of(const CommandLine& line) {
  const auto words = verb_words(line);
  if (words.containers) return "ids";
  if (words.container) return "id";
  std::string text;
  for (const auto& action : words.actions)
    text += (text.empty() ? "" : " ") + action;
  return text;
}

} // namespace

std::string bash_completion() {
  std::string verbs, flags = "  '') REPLY='" + flags_of(global_grammar()) + "' ;;\n", words,
                     placeholders = placeholder_cases("", global_grammar());
  for (const auto& verb : all_verbs()) {
    const std::string name(verb.name);
    const auto line = verb.grammar();
    verbs += (verbs.empty() ? "" : " ") + name;
    flags += "  " + name + ") REPLY='" + flags_of(line) + "' ;;\n";
    placeholders += placeholder_cases(name, line);
    if (const auto list = words_of(line); !list.empty()) words += "  " + name + ") REPLY='" + list + "' ;;\n";
  }
  return "# Completion of nacre for bash, made from its option tables. Each function answers in REPLY.\n\n"
         "_nacre_verbs() {\n  REPLY='" +
         verbs +
         "'\n}\n\n"
         "_nacre_flags() {\n  case $1 in\n" +
         flags +
         "  *) REPLY= ;;\n  esac\n}\n\n"
         "# What stands for the value of a flag; empty: it takes none.\n"
         "_nacre_placeholder() {\n  case \"$1 $2\" in\n" +
         placeholders +
         "  *) REPLY= ;;\n  esac\n}\n\n"
         "# The words after a verb: actions, an id or ids of containers.\n"
         "_nacre_words() {\n  case $1 in\n" +
         words + "  *) REPLY= ;;\n  esac\n}\n" + body;
}

} // namespace nacre::cli
