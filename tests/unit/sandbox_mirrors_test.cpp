// What is believed of a guest that says which processes it runs.
#include "catch.hpp"

#include "sandbox/mirrors.hpp"

using namespace nacre;
using namespace nacre::sandbox;

namespace {

agent_client::v1::ListProcessesReply::Process& add(agent_client::v1::ListProcessesReply& reply,
                                                   std::uint32_t pid) {
  auto& process = *reply.add_processes();
  process.set_guest_pid(pid);
  return process;
}

} // namespace

TEST_CASE("those that the host has started get no mirror, nor double ones") {
  agent_client::v1::ListProcessesReply reply;
  add(reply, 10).set_host_started(true);
  add(reply, 11).add_argv("sleep");
  add(reply, 11).add_argv("again");
  add(reply, 0).add_argv("numberless");
  const auto entries = mirrored_processes(reply);
  REQUIRE(entries.size() == 1);
  CHECK(entries[0].guest_pid == 11);
  CHECK(entries[0].argv == std::vector<std::string>{"sleep"});
}

TEST_CASE("a process without arguments is shown by its name") {
  agent_client::v1::ListProcessesReply reply;
  add(reply, 5).set_name("worker");
  CHECK(mirrored_processes(reply).at(0).argv == std::vector<std::string>{"[worker]"});
}

TEST_CASE("number and arguments of mirrors are bounded") {
  agent_client::v1::ListProcessesReply reply;
  for (std::uint32_t pid = 1; pid <= 2000; ++pid)
    add(reply, pid);
  reply.mutable_processes(0)->add_argv(std::string(100000, 'x'));
  reply.mutable_processes(0)->add_argv("more");
  reply.mutable_processes(1)->add_argv(std::string("a\0b", 3));
  for (int i = 0; i < 5000; ++i)
    reply.mutable_processes(2)->add_argv("");
  const auto entries = mirrored_processes(reply);
  REQUIRE(entries.size() == 512);
  REQUIRE(entries[0].argv.size() == 1);
  CHECK(entries[0].argv[0].size() == 4096);
  CHECK(entries[1].argv[0] == "a");
  CHECK(entries[2].argv.size() == 256);
}
