// The cache of images under processes that start together, that are killed, and that leave.
#include "image_cache.hpp"

#include <catch.hpp>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace nacre;
using block::ImageCache;
using block::ImageFolder;
using sdk::Fd;
namespace fs = std::filesystem;

const std::string content(200'000, 'x');
constexpr std::uint64_t no_limit = std::uint64_t{1} << 40;
const sdk::Call patient(nullptr);

void write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const auto count = ::write(file, text.data(), text.size());
    if (count <= 0) std::abort();
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

void write_image(const std::string&, int file) {
  write_all(file, content);
}

std::string read_all(int file) {
  std::string text(content.size() + 1, '\0');
  const auto count = ::pread(file, text.data(), text.size(), 0);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  return text;
}

class Place {
public:
  Place() {
    char name[] = "/tmp/nacre-images-XXXXXX";
    path_ = ::mkdtemp(name);
  }
  ~Place() { fs::remove_all(path_); }
  std::string images() const { return path_ + "/images"; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  std::size_t count_of_images() const {
    std::size_t count = 0;
    for (const auto& entry : fs::directory_iterator(images()))
      if (entry.path().filename() != "lock") ++count;
    return count;
  }
  bool has(const std::string& identity) const {
    return fs::exists(images() + "/" + block::uuid_of(identity) + ".erofs");
  }

private:
  std::string path_;
};

// Runs `body` in a process of its own; its exit code is what `body` returns.
template <typename Body> pid_t fork_to(Body&& body) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  int code = 99;
  try {
    code = body();
  } catch (const std::exception&) {
  }
  ::_exit(code);
}

int status_of(pid_t pid) {
  int status = -1;
  ::waitpid(pid, &status, 0);
  return status;
}

// The next such system call ends the process as kill -9 would.
void die_at(long number) {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(number), 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{std::size(program), program};
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) != 0) std::abort();
}

void use_long_ago(const Place& place, const std::string& identity, time_t when) {
  const timespec times[2] = {{0, UTIME_OMIT}, {when, 0}};
  const auto path = place.images() + "/" + block::uuid_of(identity) + ".erofs";
  REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
}

} // namespace

TEST_CASE("twenty processes that want the same image at once have one builder") {
  const Place place;
  const ImageFolder folder(place.images());
  int gate[2];
  REQUIRE(::pipe(gate) == 0);
  std::vector<pid_t> children;
  for (int i = 0; i < 20; ++i)
    children.push_back(fork_to([&] {
      char go;
      ::close(gate[1]);
      if (::read(gate[0], &go, 1) != 0) return 1; // its end is the signal for all
      const ImageCache cache(folder, no_limit);
      const auto image = cache.get(patient, "the layer", [&](const std::string& uuid, int file) {
        const Fd built(::open(place.file("built").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600));
        write_all(built.get(), "1");
        write_image(uuid, file);
      });
      return read_all(image.get()) == content ? 0 : 2;
    }));
  ::close(gate[0]);
  ::close(gate[1]);
  for (const auto pid : children)
    CHECK(status_of(pid) == 0);
  CHECK(fs::file_size(place.file("built")) == 1);
  CHECK(place.count_of_images() == 1);
}

TEST_CASE("a builder that is killed at any step leaves nothing that counts as an image") {
  const Place place;
  const ImageFolder folder(place.images());
  const ImageCache cache(folder, no_limit);
  const auto build_and_die = [&](std::size_t bytes) {
    return fork_to([&] {
      cache.get(patient, "layer", [&](const std::string&, int file) {
        write_all(file, content.substr(0, bytes));
        ::raise(SIGKILL);
      });
      return 0;
    });
  };
  const auto die_in_call = [&](long number) {
    return fork_to([&] {
      cache.get(patient, "layer", [&](const std::string& uuid, int file) {
        write_image(uuid, file);
        die_at(number);
      });
      return 0;
    });
  };
  for (const std::size_t bytes : {std::size_t{0}, content.size() / 2, content.size()}) {
    CHECK(WIFSIGNALED(status_of(build_and_die(bytes))));
    CHECK(place.count_of_images() == 0);
  }
  for (const long call : {SYS_fsync, SYS_flock, SYS_linkat}) {
    CHECK(WIFSIGNALED(status_of(die_in_call(call))));
    CHECK(place.count_of_images() == 0);
  }
  int builds = 0;
  const auto image = cache.get(patient, "layer", [&](const std::string& uuid, int file) {
    ++builds;
    write_image(uuid, file);
  });
  CHECK(builds == 1);
  CHECK(read_all(image.get()) == content);
}

TEST_CASE("an image whose builder was killed after it had its name is whole") {
  const Place place;
  const ImageFolder folder(place.images());
  const ImageCache cache(folder, no_limit);
  const auto pid = fork_to([&] {
    cache.get(patient, "layer", write_image);
    ::raise(SIGKILL);
    return 0;
  });
  REQUIRE(WIFSIGNALED(status_of(pid)));
  const auto image = cache.get(patient, "layer", [](const std::string&, int) { FAIL("built again"); });
  CHECK(read_all(image.get()) == content);
}

TEST_CASE("who waits for a builder takes over when it is killed") {
  const Place place;
  const ImageFolder folder(place.images());
  const ImageCache cache(folder, no_limit);
  int inside[2], never[2];
  REQUIRE(::pipe(inside) == 0);
  REQUIRE(::pipe(never) == 0);
  const auto builder = fork_to([&] {
    cache.get(patient, "layer", [&](const std::string&, int file) {
      write_all(file, "half");
      write_all(inside[1], "1");
      char byte;
      if (::read(never[0], &byte, 1) < 0) std::abort();
    });
    return 0;
  });
  char byte;
  REQUIRE(::read(inside[0], &byte, 1) == 1);
  const auto waiter = fork_to([&] {
    const auto image = cache.get(patient, "layer", write_image);
    return read_all(image.get()) == content ? 0 : 1;
  });
  ::kill(builder, SIGKILL);
  CHECK(WIFSIGNALED(status_of(builder)));
  CHECK(status_of(waiter) == 0);
  for (const int fd : {inside[0], inside[1], never[0], never[1]})
    ::close(fd);
}

TEST_CASE("the wait for another builder is given up when the result is not wanted any more") {
  const Place place;
  const ImageFolder folder(place.images());
  const ImageCache cache(folder, no_limit);
  int cancel[2];
  REQUIRE(::pipe(cancel) == 0);
  cache.get(patient, "layer", [&](const std::string& uuid, int file) {
    write_all(cancel[1], "1");
    const nacre_call raw{sizeof(nacre_call), cancel[0], 0};
    CHECK_THROWS_AS(cache.get(sdk::Call(&raw), "layer", write_image), sdk::Error);
    write_image(uuid, file);
  });
  ::close(cancel[0]);
  ::close(cancel[1]);
}

TEST_CASE("the longest unused images are removed, and none that is in use") {
  const Place place;
  const ImageFolder folder(place.images());
  const ImageCache cache(folder, no_limit);
  auto held = cache.get(patient, "held", write_image);
  cache.get(patient, "old", write_image);
  cache.get(patient, "new", write_image);
  use_long_ago(place, "held", 1000);
  use_long_ago(place, "old", 2000);
  use_long_ago(place, "new", 3000);

  const ImageCache small(folder, 3 * content.size()); // has room for two, and a little
  auto last = small.get(patient, "last", write_image);
  CHECK(place.has("held"));
  CHECK(!place.has("old"));
  CHECK(place.has("last"));
  const bool fits = place.has("new");
  CHECK(cache.collect(0) == (fits ? 1u : 0u));
  CHECK(place.count_of_images() == 2);

  const Fd of_the_vmm(::fcntl(held.get(), F_DUPFD_CLOEXEC, 3)); // as passed on
  held.reset();
  CHECK(cache.collect(0) == 0);
  last.reset();
  CHECK(cache.collect(0) == 1);
  CHECK(read_all(of_the_vmm.get()) == content);
}

TEST_CASE("another use makes an image the last to be removed") {
  const Place place;
  const ImageFolder folder(place.images());
  const ImageCache cache(folder, no_limit);
  for (const char* name : {"a", "b"})
    cache.get(patient, name, write_image);
  use_long_ago(place, "a", 1000);
  use_long_ago(place, "b", 2000);
  cache.get(patient, "a", [](const std::string&, int) { FAIL("built again"); });
  CHECK(cache.collect(content.size() * 3 / 2) == 1);
  CHECK(place.has("a"));
}

TEST_CASE("images are removed while others start, and everybody has a whole one") {
  const Place place;
  const ImageFolder folder(place.images());
  std::vector<pid_t> children;
  for (int i = 0; i < 8; ++i)
    children.push_back(fork_to([&] {
      const ImageCache cache(folder, 0); // nothing is kept that nobody uses
      for (int turn = 0; turn < 50; ++turn) {
        const auto image = cache.get(patient, "layer", write_image);
        if (read_all(image.get()) != content) return 1;
        cache.collect(0);
      }
      return 0;
    }));
  for (const auto pid : children)
    CHECK(status_of(pid) == 0);
}

TEST_CASE("work on a full disk has the room of unused images, then fails in words") {
  const Place place;
  const ImageFolder folder(place.images());
  const ImageCache cache(folder, no_limit);
  cache.get(patient, "unused", write_image);
  int tries = 0;
  cache.with_room([&] {
    if (++tries == 1) throw sdk::Error::from_errno(ENOSPC, "write");
  });
  CHECK(tries == 2);
  CHECK(place.count_of_images() == 0);
  CHECK_THROWS_WITH(cache.with_room([] { throw sdk::Error::from_errno(ENOSPC, "write"); }),
                    Catch::Matchers::ContainsSubstring("is full: make room there"));
}

TEST_CASE("a folder that others may write into holds no images") {
  const Place place;
  fs::create_directory(place.images());
  ::chmod(place.images().c_str(), 0777);
  CHECK_THROWS_WITH(ImageFolder(place.images()),
                    Catch::Matchers::ContainsSubstring("others than its owner may write into it"));
}
