// What virtiofsd is told: the C one that is part of QEMU, and the Rust one.
#include "daemon.hpp"

#include <catch.hpp>

namespace {

using namespace nacre;
using Words = std::vector<std::string>;
using Catch::Matchers::ContainsSubstring;

Words told(const std::string& program, const std::string& options) {
  auto words = virtio_fs::command_line(program, virtio_fs::Settings(sdk::Options(options)), "/share", 3);
  REQUIRE(words.size() > 2);
  CHECK(words[0] == program);
  CHECK(words[1] == "--fd=3");
  CHECK_THAT(words[2], ContainsSubstring("--rlimit-nofile="));
  return {words.begin() + 3, words.end()};
}

constexpr char of_qemu[] = "/usr/lib/qemu/virtiofsd", in_rust[] = "/usr/libexec/virtiofsd";

} // namespace

TEST_CASE("QEMU's virtiofsd keeps mappings and forgets names at once by default") {
  CHECK(told(of_qemu, "{}") ==
        Words{"-f", "-o", "source=/share,announce_submounts,xattr,cache=auto,timeout=0"});
  CHECK(told(of_qemu, R"({"virtio_fs_cache":"always"})").back() ==
        "source=/share,announce_submounts,xattr,cache=always");
  CHECK_THROWS_WITH(told(of_qemu, R"({"virtio_fs_cache":"metadata"})"),
                    ContainsSubstring("not known to QEMU's own virtiofsd"));
}

TEST_CASE("virtiofsd in Rust allows mappings where the guest keeps nothing") {
  CHECK(told(in_rust, "{}") ==
        Words{"--shared-dir=/share", "--announce-submounts", "--xattr", "--cache=never", "--allow-mmap"});
  CHECK(told(in_rust, R"({"virtio_fs_cache":"auto"})").back() == "--cache=auto");
  CHECK(told(in_rust, R"({"virtio_fs_cache":"metadata"})").back() == "--allow-mmap");
}

TEST_CASE("file handles are asked of the daemon that has them") {
  CHECK(told(in_rust, R"({"virtio_fs_inode_file_handles":"prefer","virtio_fs_cache":"auto"})").back() ==
        "--inode-file-handles=prefer");
  CHECK(told(of_qemu, R"({"virtio_fs_inode_file_handles":"prefer"})") == told(of_qemu, "{}"));
  CHECK_THROWS_WITH(told(of_qemu, R"({"virtio_fs_inode_file_handles":"mandatory"})"),
                    ContainsSubstring("not known to QEMU's own virtiofsd"));
}

TEST_CASE("the user's own arguments come last") {
  CHECK(told(in_rust, R"({"virtio_fs_extra_args":["--thread-pool-size=1","-d"]})").back() == "-d");
}

TEST_CASE("a flag that is given anyway is not given twice, nor in another daemon's spelling") {
  const std::string options = R"({"virtio_fs_extra_args":["--announce-submounts","-d"]})";
  CHECK(told(in_rust, options) == Words{"--shared-dir=/share", "--announce-submounts", "--xattr",
                                        "--cache=never", "--allow-mmap", "-d"});
  CHECK(told(of_qemu, options).back() == "-d");
  CHECK(told(of_qemu, options).size() == 4);
}

TEST_CASE("a daemon that is set is the one that is run") {
  CHECK(virtio_fs::find_daemon(virtio_fs::Settings(sdk::Options(R"({"virtio_fs_daemon":"/opt/v"})"))) ==
        "/opt/v");
}
