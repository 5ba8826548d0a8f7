// state.json: what a reader sees while writers come and go.
#include "catch.hpp"

#include "base/error.hpp"
#include "base/process_identity.hpp"
#include "oci/container_id.hpp"
#include "oci/state.hpp"

#include <boost/json.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace nacre::oci;
using Catch::Matchers::ContainsSubstring;

namespace {

std::uint64_t start_ticks(pid_t pid) {
  return nacre::ProcessIdentity::of(pid).value().start_ticks;
}

struct Folder {
  std::string path;
  Folder() {
    char name[] = "/tmp/nacre-state-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~Folder() { std::filesystem::remove_all(path); }
};

State living() {
  State state;
  state.id = "c1";
  state.status = Status::running;
  state.pid = ::getpid();
  state.holder_start_ticks = start_ticks(::getpid());
  state.sandbox_pid = ::getppid();
  state.sandbox_start_ticks = start_ticks(::getppid());
  state.bundle = "/b";
  state.rootfs = "/b/rootfs";
  state.created = timestamp();
  state.annotations = {{"k", "v \"x\""}};
  state.socket = "/run/nacre/s/0";
  state.protocols.task = 2;
  return state;
}

} // namespace

TEST_CASE("a state survives its file") {
  const Folder folder;
  write_state(folder.path, living());
  const auto state = read_state(folder.path);
  CHECK(to_json(state) == to_json(living().created == state.created ? living() : state));
  CHECK(state.annotations.at("k") == "v \"x\"");
  CHECK(state.protocols.task == 2);
  CHECK(state.sandbox_start_ticks == start_ticks(::getppid()));
  CHECK((std::filesystem::status(folder.path + "/state.json").permissions() & std::filesystem::perms::mask) ==
        (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path), {}) == 1);
}

TEST_CASE("a missing state is the engines' word, a damaged one says what to do") {
  const Folder folder;
  CHECK_THROWS_WITH(read_state(folder.path + "/none"), "container does not exist \"none\"");
  CHECK_THROWS_WITH(read_state(folder.path), ContainsSubstring("container does not exist"));
  std::ofstream(folder.path + "/state.json") << "{\"status\":";
  CHECK_THROWS_WITH(read_state(folder.path), ContainsSubstring("delete --force"));
}

TEST_CASE("the living decide the status, not the file") {
  auto state = living();
  CHECK(current_status(state) == Status::running);
  auto other_start = state;
  other_start.sandbox_start_ticks += 1;
  CHECK(current_status(other_start) == Status::stopped);
  auto no_holder = state;
  no_holder.holder_start_ticks += 1;
  CHECK(current_status(no_holder) == Status::stopped);
  auto creating = no_holder;
  creating.status = Status::creating;
  CHECK(current_status(creating) == Status::creating);
  creating.sandbox_pid = 0;
  CHECK(current_status(creating) == Status::stopped);
  creating.creator_pid = ::getpid();
  creating.creator_start_ticks = start_ticks(::getpid());
  CHECK(current_status(creating) == Status::creating);
}

TEST_CASE("the printed state has the members that engines read") {
  const auto object = boost::json::parse(to_oci_json(living(), Status::stopped)).get_object();
  CHECK(object.at("status") == "stopped");
  CHECK(object.at("pid") == 0);
  CHECK(object.at("annotations").at("k") == "v \"x\"");
  CHECK_FALSE(object.contains("nacre"));
}

TEST_CASE("ids follow runc's rule") {
  for (const auto* id : {"a", "a.b", "x_y+z-1", "...", "1"})
    CHECK_NOTHROW(check_id(id));
  for (const auto* id : {"", ".", "..", "a/b", "../x", "a b", "\xc3\xa4"})
    CHECK_THROWS_AS(check_id(id), nacre::Error);
  CHECK_THROWS_AS(check_id(std::string(256, 'a')), nacre::Error);
}
