#include "plugin/elf_image.hpp"
#include "plugin/verify.hpp"

#include <nacre/plugin/descriptor.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace nacre::plugin {
namespace {

class Lint {
public:
  explicit Lint(const ElfImage& image) : image_(image), entries_(image.dynamic()) {}

  std::vector<Finding> run() {
    programs();
    dynamic();
    exports();
    return std::move(findings_);
  }

private:
  void warn(std::string sentence) {
    findings_.push_back({Finding::Level::warning, LoadStatus::ok, std::move(sentence)});
  }

  void programs() {
    bool relro = false;
    for (const auto& program : image_.programs()) {
      relro |= program.p_type == PT_GNU_RELRO;
      if (program.p_type == PT_GNU_STACK && (program.p_flags & PF_X) != 0)
        warn("it asks for an executable stack; link with -z noexecstack");
    }
    if (!relro) warn("its tables stay writable (no RELRO); link with -z relro -z now");
  }

  std::string string(std::uint64_t offset) const {
    for (const auto& entry : entries_)
      if (entry.d_tag == DT_STRTAB)
        if (const auto table = image_.offset_of(entry.d_un.d_ptr)) return image_.text(*table + offset);
    return {};
  }

  void dynamic() {
    bool now = false;
    for (const auto& entry : entries_) {
      switch (entry.d_tag) {
      case DT_RPATH:
      case DT_RUNPATH:
        search_path(string(entry.d_un.d_val));
        break;
      case DT_TEXTREL:
        warn("it has relocations in its code (DT_TEXTREL); compile with -fPIC");
        break;
      case DT_BIND_NOW:
        now = true;
        break;
      case DT_FLAGS:
        now |= (entry.d_un.d_val & DF_BIND_NOW) != 0;
        break;
      case DT_FLAGS_1:
        now |= (entry.d_un.d_val & DF_1_NOW) != 0;
        break;
      case DT_NEEDED:
        library(string(entry.d_un.d_val));
        break;
      default:
        break;
      }
    }
    if (!now) warn("it is bound lazily; link with -z now");
  }

  void library(const std::string& name) {
    if (name.starts_with("libgrpc")) warn("it links \"" + name + "\", which costs every start about 10 ms");
    if (name.starts_with("libnacre"))
      warn("it links \"" + name + "\"; a plugin uses the public headers only");
  }

  void search_path(std::string_view paths) {
    while (true) {
      const auto end = paths.find(':');
      const std::string_view path = paths.substr(0, end);
      const bool own = path.starts_with("$ORIGIN") || path.starts_with("${ORIGIN}");
      if (path.find("..") != path.npos || (!own && !path.starts_with("/usr/") && !path.starts_with("/lib")))
        warn("it looks for libraries in \"" + std::string(path) +
             "\"; leave the search path out, or use $ORIGIN");
      if (end == paths.npos) return;
      paths.remove_prefix(end + 1);
    }
  }

  void exports() {
    std::vector<std::string> names;
    const auto sections = image_.sections();
    for (const auto& section : sections) {
      if (section.sh_type != SHT_DYNSYM || section.sh_entsize != sizeof(Elf64_Sym) ||
          section.sh_link >= sections.size())
        continue;
      const std::uint64_t strings = sections[section.sh_link].sh_offset;
      const auto count = std::min<std::uint64_t>(section.sh_size / sizeof(Elf64_Sym), 65536);
      for (std::uint64_t i = 0; i < count && names.size() < 4; ++i) {
        const auto symbol = image_.read<Elf64_Sym>(section.sh_offset + i * sizeof(Elf64_Sym));
        if (!symbol || symbol->st_shndx == SHN_UNDEF || ELF64_ST_BIND(symbol->st_info) == STB_LOCAL) continue;
        const std::string name = image_.text(strings + symbol->st_name);
        if (name != NACRE_PLUGIN_SYMBOL_NAME) names.push_back(name);
      }
    }
    if (names.empty()) return;
    std::string text = "it exports more than its descriptor: ";
    for (const auto& name : names)
      text += "\"" + name + "\" ";
    warn(text + "(use the version script of add_nacre_plugin)");
  }

  const ElfImage& image_;
  std::vector<Elf64_Dyn> entries_;
  std::vector<Finding> findings_;
};

} // namespace

std::vector<Finding> lint(std::string_view file) {
  const ElfImage image({reinterpret_cast<const std::uint8_t*>(file.data()), file.size()});
  if (image.status() != ElfImage::Status::ok)
    return {{Finding::Level::error, LoadStatus::not_elf, image.detail()}};
  return Lint(image).run();
}

} // namespace nacre::plugin
