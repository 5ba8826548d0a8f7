#include "catch.hpp"

#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "journal/core_undo.hpp"
#include "journal/journal.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <set>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace nacre;
using namespace nacre::journal;
namespace fs = std::filesystem;

namespace {

class TemporaryFolder {
public:
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "nacre-unit-XXXXXX").string();
    if (!::mkdtemp(name.data())) throw_errno("make folder", name);
    path_ = name;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code error;
    fs::remove_all(path_, error);
  }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

private:
  std::string path_;
};

Record record_of(const std::string& bytes, const std::string& kind = "network") {
  return {0, kind, "tcfilter", "0.1.0", bytes};
}

std::vector<std::string> contents(const Journal& journal) {
  std::vector<std::string> found;
  for (const auto& record : journal.records())
    found.push_back(record.bytes);
  return found;
}

// A child that sleeps until it is killed. Reaped by wait() or at the end.
class Sleeper {
public:
  Sleeper() : pid_(::fork()) {
    if (pid_ == 0)
      for (;;)
        ::pause();
  }
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;
  ~Sleeper() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    wait();
  }
  pid_t pid() const { return pid_; }
  int wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = 0;
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  }

private:
  pid_t pid_;
};

} // namespace

TEST_CASE("records come back newest first, in a fresh process too, until they are done") {
  TemporaryFolder folder;
  std::uint64_t second;
  {
    Journal journal(folder / "journal");
    const auto first = journal.append(record_of("first"));
    second = journal.append({0, "core", "mount", "1", std::string("with\0zero", 9)});
    journal.append(record_of("third"));
    CHECK(second > first);
  }
  Journal again(folder / "journal");
  const auto records = again.records();
  REQUIRE(records.size() == 3);
  CHECK(records[0].bytes == "third");
  CHECK(records[1].id == second);
  CHECK(records[1].kind == "core");
  CHECK(records[1].name == "mount");
  CHECK(records[1].version == "1");
  CHECK(records[1].bytes == std::string("with\0zero", 9));
  again.done(second);
  again.done(second); // already
  CHECK(contents(again) == std::vector<std::string>{"third", "first"});
  again.append(record_of("fourth"));
  CHECK(contents(again) == std::vector<std::string>{"fourth", "third", "first"});

  struct stat info;
  REQUIRE(::stat((folder / "journal").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0700);
  again.remove();
  CHECK_FALSE(fs::exists(folder / "journal"));
}

TEST_CASE("what was reported as written survives SIGKILL of the writer at any moment") {
  TemporaryFolder folder;
  for (int round = 0; round < 20; ++round) {
    const std::string path = folder / ("journal" + std::to_string(round));
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    UniqueFd from(ends[0]), to(ends[1]);
    const pid_t writer = ::fork();
    if (writer == 0) {
      Journal journal(path);
      for (std::uint32_t number = 0;; ++number) {
        journal.append(record_of(std::to_string(number) + std::string(3000, 'x')));
        if (::write(to.get(), &number, sizeof(number)) < 0) _exit(1);
      }
    }
    to.reset();
    std::uint32_t last = 0;
    for (int reported = 0; reported <= round * 3; ++reported)
      REQUIRE(::read(from.get(), &last, sizeof(last)) == 4);
    ::kill(writer, SIGKILL);
    ::waitpid(writer, nullptr, 0);
    for (std::uint32_t number; ::read(from.get(), &number, sizeof(number)) == 4;)
      last = number;

    Journal journal(path);
    std::vector<std::string> damaged;
    const auto records = journal.records(&damaged);
    CHECK(damaged.empty());
    CHECK(records.size() >= last + 1); // one more where the report was not sent any more
    CHECK(records.size() <= last + 2);
    for (std::uint32_t number = 0; number <= last; ++number)
      CHECK(records[records.size() - 1 - number].bytes.starts_with(std::to_string(number) + "x"));
  }
}

TEST_CASE("a full disk is said before the change, and the journal stays whole") {
  TemporaryFolder folder;
  fs::create_directory(folder / "small");
  if (::mount("tmpfs", (folder / "small").c_str(), "tmpfs", 0, "size=64k") < 0) {
    WARN("skipped: a tmpfs cannot be mounted here");
    return;
  }
  {
    Journal journal(folder / "small/journal");
    journal.append(record_of("before"));
    std::string words;
    std::size_t written = 1;
    try {
      for (;; ++written)
        journal.append(record_of(std::string(10000, 'x')));
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::resource_exhausted);
      words = error.what();
    }
    CHECK(words == "write undo record into \"" + (folder / "small/journal") +
                       "\": No space left on device; make room on that file system and try again");
    CHECK(journal.records().size() == written);
    CHECK(contents(journal).back() == "before");
    std::size_t files = 0; // no half-written one takes room
    for ([[maybe_unused]] const auto& entry : fs::directory_iterator(folder / "small/journal"))
      ++files;
    CHECK(files == written);
    journal.done(journal.records().front().id);
    CHECK_NOTHROW(journal.append(record_of("after")));
  }
  CHECK(::umount2((folder / "small").c_str(), 0) == 0);
}

TEST_CASE("a damaged record is reported and hides no other") {
  TemporaryFolder folder;
  Journal journal(folder / "journal");
  journal.append(record_of("good"));
  std::vector<std::string> names;
  const auto damage = [&](auto change) {
    const auto id = journal.append(record_of("victim"));
    char name[64];
    std::snprintf(name, sizeof(name), "/%016llx.undo", static_cast<unsigned long long>(id));
    names.push_back(journal.folder() + name);
    change(names.back());
  };
  damage([](const std::string& path) { fs::resize_file(path, fs::file_size(path) - 1); });
  damage([](const std::string& path) { fs::resize_file(path, 0); });
  damage([](const std::string& path) { fs::resize_file(path, 7); });
  damage([](const std::string& path) { fs::resize_file(path, fs::file_size(path) + 1); });
  damage([](const std::string& path) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(15);
    file.put('~');
  });
  std::ofstream(journal.folder() + "/draft.AbCdEf") << "half"; // of a writer that was killed
  std::ofstream(journal.folder() + "/README") << "not ours";
  journal.append(record_of("newest"));

  std::vector<std::string> damaged;
  const auto records = journal.records(&damaged);
  REQUIRE(records.size() == 2);
  CHECK(records[0].bytes == "newest");
  CHECK(records[1].bytes == "good");
  CHECK(std::set<std::string>(damaged.begin(), damaged.end()) ==
        std::set<std::string>(names.begin(), names.end()));
}

TEST_CASE("two writers do not overwrite each other") {
  TemporaryFolder folder;
  Journal first(folder / "journal");
  Journal second(folder / "journal");
  const auto write = [](Journal& journal) {
    for (int count = 0; count < 100; ++count)
      journal.append(record_of("x"));
  };
  std::thread threads[] = {std::thread(write, std::ref(first)), std::thread(write, std::ref(first)),
                           std::thread(write, std::ref(second))};
  for (auto& thread : threads)
    thread.join();
  CHECK(first.records().size() == 300);
}

TEST_CASE("absurd records and folders are refused in words") {
  TemporaryFolder folder;
  Journal journal(folder / "journal");
  CHECK_NOTHROW(journal.append(record_of(std::string(record_bytes_max, 'x'))));
  CHECK_THROWS_AS(journal.append(record_of(std::string(record_bytes_max + 1, 'x'))), Error);
  CHECK(journal.records().size() == 1);
  CHECK_THROWS_AS(Journal(folder / "missing/journal"), Error);
}

TEST_CASE("undo kills a process only if both its pid and its start time are those of the record") {
  Sleeper sleeper;
  const auto identity = ProcessIdentity::of(sleeper.pid());
  REQUIRE(identity);
  auto other = *identity;
  ++other.start_ticks; // the pid was used again
  undo_core(kill_process(other, "vmm"));
  CHECK(identity->alive());
  undo_core(kill_process(*identity, "vmm"));
  CHECK_FALSE(identity->alive()); // dead when undo returns
  CHECK(sleeper.wait() == SIGKILL);
  CHECK_NOTHROW(undo_core(kill_process(*identity, "vmm"))); // again
}

TEST_CASE("undo removes a cgroup with what is left in it") {
  TemporaryFolder unused;
  for (const char* root : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/pids"}) {
    const std::string path = std::string(root) + "/nacre-unit-journal-" + std::to_string(::getpid());
    if (!fs::exists(std::string(root) + "/cgroup.procs") || ::mkdir(path.c_str(), 0755) < 0) continue;
    REQUIRE(::mkdir((path + "/below").c_str(), 0755) == 0);
    Sleeper sleeper;
    std::ofstream(path + "/below/cgroup.procs") << sleeper.pid();
    CHECK_THROWS_AS(undo_core(remove_cgroup(path, false)), Error); // busy
    undo_core(remove_cgroup(path, true));
    CHECK(sleeper.wait() == SIGKILL);
    CHECK_FALSE(fs::exists(path));
    CHECK_NOTHROW(undo_core(remove_cgroup(path, true)));
    return;
  }
  WARN("skipped: no cgroup can be made here");
}

// A process whose first thread has ended; the other has memory that takes a while to free.
pid_t spawn_without_first_thread(std::size_t bytes) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  void* memory =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) ::_exit(1);
  std::thread([] {
    while (true)
      ::pause();
  }).detach();
  ::syscall(SYS_exit, 0); // of this thread
  ::_exit(1);
}

TEST_CASE("undo removes a cgroup whose last thread is still exiting") {
  for (const char* root : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/pids"}) {
    const std::string path = std::string(root) + "/nacre-unit-exiting-" + std::to_string(::getpid());
    if (!fs::exists(std::string(root) + "/cgroup.procs") || ::mkdir(path.c_str(), 0755) < 0) continue;
    const pid_t pid = spawn_without_first_thread(256U << 20U);
    REQUIRE(pid > 0);
    std::ofstream(path + "/cgroup.procs") << pid;
    const auto state = [pid] {
      std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
      std::string number, name, letter;
      file >> number >> name >> letter;
      return letter;
    };
    while (state() != "Z")
      std::this_thread::yield();
    ::kill(pid, SIGKILL);
    for (std::string member = "some"; !member.empty();) { // until cgroup.procs is silent
      member.clear();
      std::ifstream(path + "/cgroup.procs") >> member;
    }
    CHECK_NOTHROW(undo_core(remove_cgroup(path, true)));
    CHECK_FALSE(fs::exists(path));
    ::waitpid(pid, nullptr, 0);
    ::rmdir(path.c_str());
    return;
  }
  WARN("skipped: no cgroup can be made here");
}

TEST_CASE("undo removes files, sockets and folders, and never follows a link out of them") {
  TemporaryFolder folder;
  fs::create_directories(folder / "keep");
  std::ofstream(folder / "keep/precious") << "x";
  fs::create_directories(folder / "pod/deep/er");
  std::ofstream(folder / "pod/deep/file") << "x";
  fs::create_directory_symlink(folder / "keep", folder / "pod/link");
  {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = folder / "pod/socket";
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  }
  undo_core(remove_file(folder / "pod/socket"));
  CHECK_FALSE(fs::exists(folder / "pod/socket"));
  CHECK_THROWS_AS(undo_core(remove_folder(folder / "pod", false)), Error); // not empty
  undo_core(remove_folder(folder / "pod", true));
  CHECK_FALSE(fs::exists(folder / "pod"));
  CHECK(fs::exists(folder / "keep/precious"));
  for (const auto& record : {remove_file(folder / "pod/socket"), remove_folder(folder / "pod", true),
                             remove_folder(folder / "pod", false), unmount(folder / "pod")})
    CHECK_NOTHROW(undo_core(record)); // never made, or undone already
}

TEST_CASE("undo unmounts, and removing a folder never empties what is mounted in it") {
  TemporaryFolder folder;
  fs::create_directories(folder / "data");
  fs::create_directories(folder / "pod/rootfs");
  std::ofstream(folder / "data/precious") << "x";
  // A bind of the same file system: the device number does not tell.
  if (::mount((folder / "data").c_str(), (folder / "pod/rootfs").c_str(), nullptr, MS_BIND, nullptr) < 0) {
    WARN("skipped: mounting is not allowed here");
    return;
  }
  CHECK_THROWS_AS(undo_core(remove_folder(folder / "pod", true)), Error);
  CHECK(fs::exists(folder / "data/precious"));
  undo_core(unmount(folder / "pod/rootfs"));
  CHECK_FALSE(fs::exists(folder / "pod/rootfs/precious"));
  undo_core(remove_folder(folder / "pod", true));
  CHECK_FALSE(fs::exists(folder / "pod"));
  CHECK(fs::exists(folder / "data/precious"));
}

TEST_CASE("records that the core does not know are refused, not skipped") {
  CHECK_THROWS_AS(undo_core(record_of("x")), Error);
  CHECK_THROWS_AS(undo_core({0, core_kind, "x", "1", "\xff\xff"}), Error);
  try {
    undo_core({0, core_kind, "teleport", "9", ""});
    FAIL("it was taken");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::unimplemented);
  }
}
