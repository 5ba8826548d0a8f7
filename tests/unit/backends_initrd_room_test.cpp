// Room for microvm's ACPI tables behind the initrd.
#include "initrd_room.hpp"

#include <catch.hpp>
#include <string>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

using namespace nacre;

sdk::Fd file_of(const std::string& content) {
  sdk::Fd file(::memfd_create("test", MFD_CLOEXEC));
  REQUIRE(::write(file.get(), content.data(), content.size()) == static_cast<ssize_t>(content.size()));
  return file;
}

std::string path_of(const sdk::Fd& file) {
  return "/proc/self/fd/" + std::to_string(file.get());
}

} // namespace

TEST_CASE("an initrd that leaves room is taken as it is", "[qemu]") {
  for (const std::size_t size : {1u, 512u, 4097u, 4096u * 3 + 512})
    CHECK_FALSE(qemu::with_room_for_acpi(path_of(file_of(std::string(size, 'x')))));
}

TEST_CASE("one that leaves none is copied, with zeros behind it", "[qemu]") {
  for (const std::size_t size : {4096u, 513u, 4095u, 4096u * 3 + 3584}) {
    std::string content;
    while (content.size() < size)
      content += std::to_string(content.size()) + ",";
    content.resize(size);
    const auto file = file_of(content);
    const auto copy = qemu::with_room_for_acpi(path_of(file));
    REQUIRE(copy);
    struct stat status {};
    REQUIRE(::fstat(copy->get(), &status) == 0);
    CHECK(status.st_size % 4096 == 512);
    std::string copied(static_cast<std::size_t>(status.st_size), '?');
    REQUIRE(::pread(copy->get(), copied.data(), copied.size(), 0) == status.st_size);
    CHECK(copied == content + std::string(copied.size() - size, '\0'));
  }
}

TEST_CASE("one that is not there is named", "[qemu]") {
  CHECK_THROWS_WITH(qemu::with_room_for_acpi("/k/initrd"),
                    Catch::Matchers::ContainsSubstring("open initrd \"/k/initrd\": No such file"));
}
