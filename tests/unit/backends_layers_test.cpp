// The layers of an overlay mount, from the words of the host's mount table.
#include "layers.hpp"

#include <catch.hpp>
#include <filesystem>
#include <stdlib.h>

namespace {

using nacre::block::layers_of;
using nacre::block::parse_layers;
using Names = std::vector<std::string>;
namespace fs = std::filesystem;

// A folder of the test's own with the folders that it is asked for.
class Folders {
public:
  Folders() {
    char name[] = "/tmp/nacre-layers-XXXXXX";
    root_ = ::mkdtemp(name);
  }
  ~Folders() { fs::remove_all(root_); }
  std::string make(const std::string& name) const {
    fs::create_directories(root_ + "/" + name);
    return root_ + "/" + name;
  }

private:
  std::string root_;
};

} // namespace

TEST_CASE("layers of absolute names come from the top down, with the upper one apart") {
  const Folders folders;
  const auto a = folders.make("a"), b = folders.make("b"), upper = folders.make("u");
  const auto layers = parse_layers("rw,lowerdir=" + b + ":" + a + ",upperdir=" + upper + ",workdir=/w", "/m");
  REQUIRE(layers);
  CHECK(layers->lower == Names{b, a});
  CHECK(layers->upper == upper);
  CHECK(layers->options.empty());
}

TEST_CASE("Docker's short names are found from the folder of the mount") {
  const Folders folders;
  folders.make("overlay2/l/AAAA");
  folders.make("overlay2/l/BBBB");
  folders.make("overlay2/id/diff");
  const auto mount_point = folders.make("overlay2/id/merged");
  const auto home = fs::path(mount_point).parent_path().parent_path().string();
  const auto layers = parse_layers("rw,lowerdir=l/AAAA:l/BBBB,upperdir=id/diff,workdir=id/work", mount_point);
  REQUIRE(layers);
  CHECK(layers->lower == Names{home + "/l/AAAA", home + "/l/BBBB"});
  CHECK(layers->upper == home + "/id/diff");
}

TEST_CASE("containerd's short names are found from the upper folder") {
  const Folders folders;
  folders.make("snapshots/1/fs");
  folders.make("snapshots/2/fs");
  const auto upper = folders.make("snapshots/3/fs");
  const auto layers =
      parse_layers("rw,lowerdir=2/fs:1/fs,upperdir=" + upper + ",workdir=/w", "/run/elsewhere/rootfs");
  REQUIRE(layers);
  CHECK(layers->lower.front() == fs::path(upper).parent_path().parent_path().string() + "/2/fs");
}

TEST_CASE("colons, commas and spaces in a layer's name are its own") {
  const Folders folders;
  const auto odd = folders.make("a:b, c"), plain = folders.make("plain");
  const auto parent = fs::path(plain).parent_path().string();
  for (const std::string colon : {"\\134:", "\\072"}) { // before Linux 6.7, and since
    const auto layers = parse_layers("ro,lowerdir=" + parent + "/a" + colon + "b\\054\\040c:" + plain, "/m");
    REQUIRE(layers);
    CHECK(layers->lower == Names{odd, plain});
    CHECK(layers->upper.empty());
  }
}

TEST_CASE("what decides the meaning of files goes along") {
  const Folders folders;
  const auto a = folders.make("a"), b = folders.make("b");
  const auto layers = parse_layers(
      "rw,lowerdir+=" + a + ",lowerdir+=" + b + ",redirect_dir=on,index=off,metacopy=on,userxattr", "/m");
  REQUIRE(layers);
  CHECK(layers->lower == Names{a, b});
  CHECK(layers->options == Names{"redirect_dir=on", "metacopy=on", "userxattr"});
}

TEST_CASE("layers that cannot be known for certain are none") {
  const Folders folders;
  const auto a = folders.make("a");
  CHECK(!parse_layers("rw,upperdir=" + a, "/m"));
  CHECK(!parse_layers("rw,lowerdir=" + a + "/missing", "/m"));
  CHECK(!parse_layers("rw,lowerdir=l/NOWHERE:l/NOWHERE2,upperdir=x/diff", folders.make("id/merged")));
  CHECK(!parse_layers("rw,lowerdir=" + a + "::" + a, "/m"));          // a layer of content only
  CHECK(!parse_layers("rw,lowerdir+=" + a + ",datadir+=" + a, "/m")); // the same, as it is told since 6.8
  CHECK(!layers_of(a));
  CHECK(!layers_of("/proc"));
}
