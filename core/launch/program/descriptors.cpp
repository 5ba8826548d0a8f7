// Step 2: exactly the descriptors that the plan names.
#include "launch/plan_fields.hpp"
#include "launch/program/steps.hpp"

#include <cerrno>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace nacre::launch {
namespace {

constexpr std::uint64_t target_max = 1 << 16;

void move_above(int& fd, int floor) {
  if (fd < 0 || fd >= floor) return;
  const int moved = ::fcntl(fd, F_DUPFD_CLOEXEC, floor);
  if (moved < 0) fail("descriptors", {}, errno);
  ::close(fd);
  fd = moved;
}

} // namespace

void arrange_descriptors(Orders& orders, Anchors& anchors) {
  int floor = 3;
  for_each(orders.plan, PlanField::fds, [&](Message use) {
    const auto target = number_of(use, FdUseField::target);
    if (target >= target_max) fail("descriptors", {}, EBADF, "the plan's target number is too high");
    if (static_cast<int>(target) >= floor) floor = static_cast<int>(target) + 1;
  });

  // Ours go above all targets first, so that no dup2 hits one that is still needed.
  move_above(orders.socket, floor);
  set_reply(orders.socket, ReplyFormat::launch);
  move_above(anchors.proc, floor);
  move_above(anchors.parent, floor);
  for (int index = 0; index < orders.fd_count; ++index)
    move_above(orders.fds[index], floor);
  ::syscall(SYS_close_range, 0u, static_cast<unsigned>(floor - 1), 0u);
  ::syscall(SYS_close_range, static_cast<unsigned>(floor), ~0u, CLOSE_RANGE_CLOEXEC);

  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC); // becomes 0, the lowest that is free
  if (null < 0) fail("descriptors", "/dev/null", errno);
  for (int standard = 0; standard <= 2; ++standard) {
    const bool failed = standard == null ? ::fcntl(null, F_SETFD, 0) < 0 : ::dup2(null, standard) < 0;
    if (failed) fail("descriptors", "/dev/null", errno);
  }
  for_each(orders.plan, PlanField::fds, [&](Message use) {
    const int fd = received_fd(orders, number_of(use, FdUseField::received), "descriptors");
    if (::dup2(fd, static_cast<int>(number_of(use, FdUseField::target))) < 0) fail("descriptors", {}, errno);
  });
}

} // namespace nacre::launch
