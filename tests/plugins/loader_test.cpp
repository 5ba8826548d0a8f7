#include "catch.hpp"

#include "plugin/loader.hpp"
#include "plugin/registry.hpp"
#include "plugin/verify.hpp"

#include <nacre/plugin/security.h>

#include <algorithm>
#include <csignal>
#include <elf.h>
#include <filesystem>
#include <fstream>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

using namespace nacre::plugin;
namespace fs = std::filesystem;

namespace {

const std::string variants = NACRE_TEST_VARIANTS;

// How loading ends; never throws anything else.
LoadStatus load_status(const std::string& folder, Kind kind, const std::string& name,
                       std::string* sentence = nullptr) {
  try {
    Registry registry("", folder);
    registry.load(kind, name);
    return LoadStatus::ok;
  } catch (const LoadError& error) {
    if (sentence != nullptr) *sentence = error.what();
    return error.status();
  }
}

LoadStatus of_variant(const std::string& name) {
  std::string sentence;
  const LoadStatus status = load_status(variants, Kind::security, name, &sentence);
  INFO(sentence);
  // One sentence that names the plugin, and a remedy after the semicolon.
  if (status != LoadStatus::ok) {
    CHECK(sentence.find("\"" + name + "\"") != sentence.npos);
    CHECK(sentence.find("; ") != sentence.npos);
  }
  return status;
}

// A plugin folder that goes with the test, below the build tree: /tmp is writable by everybody.
class Scratch {
public:
  Scratch() {
    std::string path = std::string(NACRE_TEST_SCRATCH) + "/scratch-XXXXXX";
    REQUIRE(::mkdtemp(path.data()) != nullptr);
    path_ = path;
    ::chmod(path.c_str(), 0755);
    fs::create_directory(path_ + "/security");
  }
  ~Scratch() { fs::remove_all(path_); }
  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/security/" + name + ".so"; }
  // A copy of a good plugin under its own name.
  std::string copy_fine() const {
    fs::copy_file(variants + "/security/fine.so", file("fine"));
    return file("fine");
  }

private:
  std::string path_;
};

const Finding& error_of(const Report& report) {
  const auto it = std::find_if(report.findings.begin(), report.findings.end(),
                               [](const Finding& f) { return f.level == Finding::Level::error; });
  REQUIRE(it != report.findings.end());
  return *it;
}

Report verify_variant(const std::string& name) {
  VerifyOptions options;
  options.patience = std::chrono::seconds(1);
  return verify(variants + "/security/" + name + ".so", Kind::security, name, options);
}

} // namespace

TEST_CASE("a good plugin loads and says who it is") {
  Registry registry("", variants);
  const Plugin& plugin = registry.load(Kind::security, "fine");
  CHECK(plugin.label() == "security/fine");
  CHECK(plugin.has(NACRE_SEC_HOST_LABEL));
  CHECK_FALSE(plugin.has(NACRE_SEC_GUEST_LABEL));
  CHECK(plugin.identity().capabilities == std::vector<std::string>{"NACRE_SEC_HOST_LABEL"});
  CHECK(plugin.options_schema() == "[]");
  CHECK(&registry.load(Kind::security, "fine") == &plugin);
}

TEST_CASE("each wrong plugin has its own result and the host lives") {
  const auto [name, status] = GENERATE(table<std::string, LoadStatus>({
      {"no-such-plugin", LoadStatus::not_found},
      {"no-note", LoadStatus::not_a_plugin},
      {"note-no-json", LoadStatus::not_a_plugin},
      {"bad-magic", LoadStatus::not_a_plugin},
      {"no-symbol", LoadStatus::not_a_plugin},
      {"major-2", LoadStatus::abi_too_new},
      {"major-0", LoadStatus::abi_too_old},
      {"minor-99", LoadStatus::needs_newer_host},
      {"kind-version-9", LoadStatus::abi_too_new},
      {"kind-version-0", LoadStatus::abi_too_old},
      {"wrong-kind", LoadStatus::kind_mismatch},
      {"wrong-name", LoadStatus::name_mismatch},
      {"descriptor-magic", LoadStatus::identity_changed},
      {"short-struct", LoadStatus::identity_changed},
      {"no-ops", LoadStatus::identity_changed},
      {"short-ops", LoadStatus::identity_changed},
      {"no-create", LoadStatus::identity_changed},
      {"other-capabilities", LoadStatus::identity_changed},
      {"undefined-symbol", LoadStatus::link_failed},
  }));
  INFO(name);
  CHECK(to_string(of_variant(name)) == to_string(status));
}

TEST_CASE("what a newer plugin adds does no harm") {
  CHECK(of_variant("newer-capabilities") == LoadStatus::ok);
  CHECK(of_variant("note-many-fields") == LoadStatus::ok);
}

TEST_CASE("a plugin with an undefined symbol is refused in the dynamic loader's words") {
  std::string sentence;
  load_status(variants, Kind::security, "undefined-symbol", &sentence);
  CHECK_THAT(sentence, Catch::Matchers::ContainsSubstring("nacre_there_is_no_such_function"));
}

TEST_CASE("a name is never a path") {
  for (const std::string& name : std::vector<std::string>{"../security/fine", "/etc/passwd", "", "Fine",
                                                          "fine.so", std::string(32, 'a')})
    CHECK(load_status(variants, Kind::security, name) == LoadStatus::not_found);
}

TEST_CASE("what is no ELF shared object of this machine is refused before it is run") {
  const Scratch scratch;
  SECTION("text") {
    std::ofstream(scratch.file("fine")) << "#!/bin/sh\n";
    CHECK(load_status(scratch.path(), Kind::security, "fine") == LoadStatus::not_elf);
  }
  SECTION("empty") {
    std::ofstream(scratch.file("fine")).flush();
    CHECK(load_status(scratch.path(), Kind::security, "fine") == LoadStatus::not_elf);
  }
  SECTION("a program") {
    fs::copy_file("/bin/true", scratch.file("fine"));
    const LoadStatus status = load_status(scratch.path(), Kind::security, "fine");
    CHECK((status == LoadStatus::not_a_plugin || status == LoadStatus::not_elf));
  }
  SECTION("another machine's") {
    std::fstream file(scratch.copy_fine(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(offsetof(Elf64_Ehdr, e_machine));
    file.put(static_cast<char>(EM_SPARCV9)).put(0);
    file.close();
    CHECK(load_status(scratch.path(), Kind::security, "fine") == LoadStatus::wrong_machine);
  }
  SECTION("32 bits") {
    std::fstream file(scratch.copy_fine(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(EI_CLASS);
    file.put(ELFCLASS32);
    file.close();
    CHECK(load_status(scratch.path(), Kind::security, "fine") == LoadStatus::wrong_machine);
  }
  SECTION("a folder") {
    fs::create_directory(scratch.file("fine"));
    CHECK(load_status(scratch.path(), Kind::security, "fine") == LoadStatus::not_found);
  }
}

TEST_CASE("a file that was cut off anywhere is refused") {
  const Scratch scratch;
  const std::string path = scratch.copy_fine();
  for (auto size = static_cast<std::int64_t>(fs::file_size(path)); size > 0; size -= 997) {
    REQUIRE(::truncate(path.c_str(), size) == 0);
    try { // inspection only: what is cut behind the segments still loads
      inspect(path, Kind::security, "fine");
    } catch (const LoadError& error) {
      REQUIRE((error.status() == LoadStatus::not_elf || error.status() == LoadStatus::not_a_plugin));
    }
  }
  REQUIRE(::truncate(path.c_str(), 4096) == 0);
  CHECK(load_status(scratch.path(), Kind::security, "fine") == LoadStatus::not_elf);
}

TEST_CASE("a file that others can write is not loaded") {
  const Scratch scratch;
  ::chmod(scratch.copy_fine().c_str(), 0666);
  std::string sentence;
  CHECK(load_status(scratch.path(), Kind::security, "fine", &sentence) == LoadStatus::unsafe_mode);
  CHECK_THAT(sentence, Catch::Matchers::ContainsSubstring(scratch.file("fine") + "\" has mode 0666"));
}

TEST_CASE("a file below a folder that others can write is not loaded") {
  const Scratch scratch;
  scratch.copy_fine();
  ::chmod(scratch.path().c_str(), 0777);
  std::string sentence;
  CHECK(load_status(scratch.path(), Kind::security, "fine", &sentence) == LoadStatus::unsafe_mode);
  CHECK_THAT(sentence, Catch::Matchers::ContainsSubstring(scratch.path() + "\" has mode 0777"));
}

TEST_CASE("the list shows every file with its result and loads none") {
  Registry registry("", variants);
  const auto entries = registry.list();
  const auto find = [&](const std::string& name) {
    return *std::find_if(entries.begin(), entries.end(),
                         [&](const auto& entry) { return entry.name == name; });
  };
  CHECK(find("fine").status == LoadStatus::ok);
  CHECK(find("fine").identity.version == "1");
  CHECK(find("major-2").status == LoadStatus::abi_too_new);
  // Its constructor would have ended this process.
  CHECK(find("constructor-crashes").status == LoadStatus::ok);
  CHECK(std::is_sorted(entries.begin(), entries.end(), [](auto& a, auto& b) { return a.kind < b.kind; }));
}

TEST_CASE("the configuration's folder comes before the installed one") {
  const Scratch scratch;
  scratch.copy_fine();
  const Registry registry(scratch.path(), variants);
  CHECK(registry.path_of(Kind::security, "fine") == scratch.file("fine"));
  CHECK(registry.path_of(Kind::security, "no-note") == variants + "/security/no-note.so");
}

TEST_CASE("verify reports what the plugin's own code does, and survives it") {
  const auto [name, status, words] = GENERATE(table<std::string, LoadStatus, std::string>({
      {"constructor-crashes", LoadStatus::crashed,
       "crashed by SIGSEGV (Segmentation fault) while it was being loaded"},
      {"constructor-hangs", LoadStatus::crashed, "hung for 1 s while it was being loaded"},
      {"probe-crashes", LoadStatus::crashed, "crashed by SIGSEGV (Segmentation fault) while it was probed"},
      {"probe-aborts", LoadStatus::crashed, "crashed by SIGABRT (Aborted) while it was probed"},
      {"throws", LoadStatus::probe_failed,
       "an exception left the plugin, which it must not: thrown by probe"},
      {"no-create", LoadStatus::identity_changed, "no create() or destroy()"},
      {"probe-exits", LoadStatus::crashed, "exit code 7 while it was probed"},
      {"probe-fails", LoadStatus::probe_failed, "find \"/opt/vmm\": No such file or directory"},
      {"bad-options", LoadStatus::identity_changed, "description of its options"},
      {"no-note", LoadStatus::not_a_plugin, "no note"},
      {"undefined-symbol", LoadStatus::link_failed, "nacre_there_is_no_such_function"},
  }));
  const Report report = verify_variant(name);
  INFO(name << ": " << error_of(report).sentence);
  CHECK_FALSE(report.good());
  CHECK(to_string(error_of(report).status) == to_string(status));
  CHECK_THAT(error_of(report).sentence, Catch::Matchers::ContainsSubstring(words));
}

TEST_CASE("verify tells skip from error") {
  const Report report = verify_variant("probe-skips");
  CHECK(report.good());
  CHECK(std::any_of(report.findings.begin(), report.findings.end(), [](const Finding& finding) {
    return finding.status == LoadStatus::probe_skip &&
           finding.sentence.find("no SELinux here") != std::string::npos;
  }));
}

TEST_CASE("verify warns of what a packager should mend") {
  const Report report = verify_variant("fine"); // linked without -z now
  CHECK(report.good());
  CHECK(report.build == "variant");
  CHECK(std::any_of(report.findings.begin(), report.findings.end(), [](const Finding& finding) {
    return finding.sentence.find("lazily") != std::string::npos;
  }));
}

TEST_CASE("verify has no warning for the plugins of the tree") {
  for (const Kind kind : all_kinds) {
    const auto path = std::string(NACRE_TEST_PLUGINS) + "/" + std::string(to_string(kind)) + "/null.so";
    const Report report = verify(path, kind, "null");
    for (const Finding& finding : report.findings) {
      INFO(finding.sentence);
      CHECK(finding.level == Finding::Level::ok);
    }
    CHECK(report.identity.name == "null");
  }
}
