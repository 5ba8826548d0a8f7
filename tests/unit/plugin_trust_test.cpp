#include "catch.hpp"

#include "plugin/trust_walk.hpp"

#include <filesystem>
#include <fstream>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

using namespace nacre::plugin;
namespace fs = std::filesystem;

namespace {

constexpr uid_t nobody = 65534, user = 1000;

const TrustRules as_root{0, true, nobody};
const TrustRules as_user{user, true, nobody};
const TrustRules in_user_namespace{0, false, nobody}; // unshare -Ur: real root shows as nobody

std::string verdict(mode_t mode, uid_t owner, const TrustRules& rules) {
  struct stat status {};
  status.st_mode = mode;
  status.st_uid = owner;
  const auto problem = check_trust(status, "/x", rules);
  if (!problem) return "ok";
  return problem->kind == TrustProblem::Kind::owner ? "owner" : "mode";
}

class Tree {
public:
  Tree() {
    char path[] = "/nacre-trust-XXXXXX"; // below `/`: every folder above a trusted file must be trusted
    if (::mkdtemp(path) == nullptr) return;
    root_ = path;
    ::chmod(path, 0755);
    fs::create_directories(root_ + "/plugins/storage");
    std::ofstream(root_ + "/plugins/storage/x.so") << "x";
  }
  ~Tree() {
    if (usable()) fs::remove_all(root_);
  }
  bool usable() const { return !root_.empty() && ::geteuid() == 0; }
  std::string operator/(const std::string& name) const { return root_ + "/" + name; }
  TrustResult walk(const std::string& name) const { return nacre::plugin::walk(root_ + "/" + name, as_root); }

private:
  std::string root_;
};

} // namespace

TEST_CASE("whose files and which modes are trusted") {
  struct Row {
    mode_t mode;
    uid_t owner;
    std::string root, user, namespaced;
  };
  const mode_t file = S_IFREG, folder = S_IFDIR, link = S_IFLNK;
  const auto row = GENERATE_COPY(values<Row>({
      {file | 0644, 0, "ok", "ok", "ok"},
      {file | 0755, 0, "ok", "ok", "ok"},
      {file | 0664, 0, "mode", "mode", "mode"},
      {file | 0646, 0, "mode", "mode", "mode"},
      {file | 0644, user, "owner", "ok", "owner"},
      {file | 0664, user, "owner", "mode", "owner"},
      {file | 0644, nobody, "owner", "owner", "ok"},
      {file | 0664, nobody, "owner", "owner", "owner"},
      {folder | 0755, 0, "ok", "ok", "ok"},
      {folder | 0775, 0, "mode", "mode", "mode"},
      {folder | 01775, 0, "ok", "ok", "ok"},       // /nix/store
      {folder | 01777, 0, "mode", "mode", "mode"}, // /tmp
      {folder | 01775, user, "owner", "mode", "owner"},
      {file | 01664, 0, "mode", "mode", "mode"}, // sticky means nothing on a file
      {folder | 0755, nobody, "owner", "owner", "ok"},
      {link | 0777, 0, "ok", "ok", "ok"},
      {link | 0777, user, "owner", "ok", "owner"},
      {link | 0777, nobody, "owner", "owner", "ok"},
  }));
  INFO(std::oct << row.mode << " owner " << std::dec << row.owner);
  CHECK(verdict(row.mode, row.owner, as_root) == row.root);
  CHECK(verdict(row.mode, row.owner, as_user) == row.user);
  CHECK(verdict(row.mode, row.owner, in_user_namespace) == row.namespaced);
}

TEST_CASE("a walk sees the file, every folder and every link on the way") {
  const Tree tree;
  if (!tree.usable()) {
    WARN("skipped: needs root, to own folders below /");
    return;
  }
  SECTION("a trusted file") {
    const TrustResult result = tree.walk("plugins/storage/x.so");
    CHECK(result.status == TrustResult::Status::ok);
    CHECK(result.file.path == tree / "plugins/storage/x.so");
    char byte = 0;
    CHECK(::read(result.file.fd.get(), &byte, 1) == 1);
  }
  SECTION("a link out of the folder is followed, and its way is walked as well") {
    fs::create_directories(tree / "elsewhere/deep");
    fs::rename(tree / "plugins/storage/x.so", tree / "elsewhere/deep/x.so");
    fs::create_symlink("../../elsewhere/deep/x.so", tree / "plugins/storage/x.so");
    CHECK(tree.walk("plugins/storage/x.so").file.path == tree / "elsewhere/deep/x.so");
    ::chmod((tree / "elsewhere").c_str(), 0777);
    const TrustResult result = tree.walk("plugins/storage/x.so");
    CHECK(result.status == TrustResult::Status::unsafe_mode);
    CHECK_THAT(result.sentence, Catch::Matchers::ContainsSubstring("elsewhere"));
  }
  SECTION("a link to a link: the folder of the middle one counts, though it is on neither path") {
    fs::create_directories(tree / "middle");
    fs::rename(tree / "plugins", tree / "real");
    fs::create_symlink(tree / "real", tree / "middle/plugins");
    fs::create_symlink(tree / "middle/plugins", tree / "plugins");
    CHECK(tree.walk("plugins/storage/x.so").file.path == tree / "real/storage/x.so");
    ::chmod((tree / "middle").c_str(), 0777);
    CHECK(tree.walk("plugins/storage/x.so").status == TrustResult::Status::unsafe_mode);
  }
  SECTION("somebody else's folder") {
    REQUIRE(::chown((tree / "plugins").c_str(), user, user) == 0);
    CHECK(tree.walk("plugins/storage/x.so").status == TrustResult::Status::unsafe_owner);
  }
  SECTION("somebody else's link") {
    fs::create_symlink("x.so", tree / "plugins/storage/y.so");
    REQUIRE(::lchown((tree / "plugins/storage/y.so").c_str(), user, user) == 0);
    CHECK(tree.walk("plugins/storage/y.so").status == TrustResult::Status::unsafe_owner);
  }
  SECTION("links in a circle end") {
    fs::create_symlink("b", tree / "a");
    fs::create_symlink("a", tree / "b");
    CHECK(tree.walk("a").status == TrustResult::Status::not_found);
  }
  SECTION("dots do not lead above what was walked") {
    CHECK(tree.walk("plugins/../plugins/./storage/x.so").status == TrustResult::Status::ok);
    CHECK(walk("/../../.." + (tree / "plugins/storage/x.so"), as_root).status == TrustResult::Status::ok);
  }
  SECTION("what is no file, or not there") {
    CHECK(tree.walk("plugins/storage").status == TrustResult::Status::not_found);
    CHECK(tree.walk("plugins/storage/z.so").status == TrustResult::Status::not_found);
    CHECK(walk("relative.so", as_root).status == TrustResult::Status::not_found);
  }
}
