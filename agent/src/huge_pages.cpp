#include "huge_pages.hpp"

#include "error.hpp"
#include "file.hpp"

#include <linux/magic.h>
#include <sys/vfs.h>

namespace nacre::agent {

namespace {

std::string counter_of(std::uint64_t page_bytes) {
  return "/sys/kernel/mm/hugepages/hugepages-" + std::to_string(page_bytes >> 10) + "kB/nr_hugepages";
}

std::uint64_t number_in(const std::string& path) {
  return parse_number(try_read_line(path).value_or("")).value_or(0);
}

} // namespace

void HugePages::set_aside() const {
  const auto counter = counter_of(page_bytes);
  const auto kilobytes = std::to_string(page_bytes >> 10) + " KiB";
  if (!try_read_file(counter)) {
    throw Error(Code::failed_precondition,
                "the guest has no huge pages of " + kilobytes + "; its CPU or its kernel lacks them");
  }
  const auto before = number_in(counter);
  write_value(counter, std::to_string(before + count));
  // The kernel sets aside what it finds and says nothing of the rest.
  const auto found = number_in(counter);
  if (found >= before + count) return;
  write_value(counter, std::to_string(before));
  throw Error(Code::resource_exhausted,
              "the guest has room for " + std::to_string(found > before ? found - before : 0) + " of " +
                  std::to_string(count) + " huge pages of " + kilobytes +
                  "; raise default_memory, which is the memory of the virtual machine");
}

void HugePages::give_back() const noexcept {
  if (count == 0) return;
  try {
    const auto counter = counter_of(page_bytes);
    const auto now = number_in(counter);
    write_value(counter, std::to_string(now > count ? now - count : 0));
  } catch (const Error&) { // they stay set aside
  }
}

HugePages huge_pages_of(const std::string& mount_point) {
  struct statfs system {};
  if (::statfs(mount_point.c_str(), &system) < 0 || system.f_type != HUGETLBFS_MAGIC) return {};
  return {static_cast<std::uint64_t>(system.f_bsize), system.f_blocks};
}

} // namespace nacre::agent
