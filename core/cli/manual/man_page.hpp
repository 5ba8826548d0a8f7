// Manual pages in man(7)'s language.
#pragma once

#include "cli/verb_table.hpp"

#include <string>

namespace nacre::cli {

std::string program_man_page();              // nacre(1)
std::string verb_man_page(const Verb& verb); // nacre-VERB(1)

} // namespace nacre::cli
