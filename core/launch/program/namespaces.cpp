// Step 4: namespaces entered, then made.
#include "launch/plan_fields.hpp"
#include "launch/program/steps.hpp"

#include <cerrno>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

namespace nacre::launch {

void enter_namespaces(const Orders& orders, std::uint32_t field) {
  for_each_number(orders.plan, field, [&](std::uint64_t index) {
    if (::setns(received_fd(orders, index, "enter-namespace"), 0) < 0) fail("enter-namespace", {}, errno);
  });
}

void make_namespaces(const Orders& orders) {
  const auto flags = number_of(orders.plan, PlanField::unshare);
  if (flags != 0 && ::unshare(static_cast<int>(flags)) < 0) fail("unshare", {}, errno);
  if (!has(orders.plan, PlanField::uid_map) && !has(orders.plan, PlanField::gid_map)) return;
  // A process may map only its own id; more than one needs privileges in the parent namespace: the spawner's.
  send_reply(ReplyKind::wants_id_maps);
  char byte;
  if (::recv(orders.socket, &byte, sizeof(byte), 0) <= 0) _exit(1);
}

} // namespace nacre::launch
