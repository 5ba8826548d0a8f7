// nacre-manual: writes manual pages and completion scripts into a folder, when Nacre is built. They are made
// from the tables that `nacre` parses its command line with, so none of it can be forgotten.
#include "base/error.hpp"
#include "cli/manual/completion.hpp"
#include "cli/manual/man_page.hpp"
#include "oci/file_io.hpp"

#include <filesystem>
#include <iostream>

namespace {

void write(const std::filesystem::path& file, const std::string& text) {
  std::filesystem::create_directories(file.parent_path());
  nacre::oci::replace_file(file.string(), text, 0644, "write");
}

void write_all(const std::filesystem::path& folder) {
  using namespace nacre::cli;
  write(folder / "man1/nacre.1", program_man_page());
  for (const auto& verb : all_verbs())
    write(folder / "man1" / ("nacre-" + std::string(verb.name) + ".1"), verb_man_page(verb));
  write(folder / "bash/nacre", bash_completion());
  write(folder / "zsh/_nacre", zsh_completion());
  write(folder / "fish/nacre.fish", fish_completion());
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: nacre-manual FOLDER\n";
    return 2;
  }
  try {
    write_all(argv[1]);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "nacre-manual: " << error.what() << "\n";
    return 1;
  }
}
