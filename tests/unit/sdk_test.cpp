#include "catch.hpp"

#include <nacre/sdk/boundary.hpp>
#include <nacre/sdk/options.hpp>

#include <cstring>
#include <fcntl.h>
#include <functional>
#include <string>
#include <sys/eventfd.h>
#include <system_error>
#include <unistd.h>

using namespace nacre::sdk;

namespace {

nacre_error error_of(const std::function<void()>& body) {
  nacre_error error{};
  error.struct_size = sizeof error;
  guard(&error, body);
  return error;
}

bool open(int fd) {
  return ::fcntl(fd, F_GETFD) >= 0;
}

} // namespace

TEST_CASE("options of every type are read") {
  const Options options(R"( {"path":"/usr/bin/x","count":3,"ratio":0.5,"on":true,"off":false,
                             "list":["a","b"],"empty":[],"nothing":null} )");
  CHECK(options.string("path") == "/usr/bin/x");
  CHECK(options.integer("count") == 3);
  CHECK(options.floating("ratio") == 0.5);
  CHECK(options.floating("count") == 3.0);
  CHECK(options.boolean("on"));
  CHECK_FALSE(options.boolean("off"));
  CHECK(options.strings("list") == std::vector<std::string>{"a", "b"});
  CHECK(options.strings("empty").empty());
  CHECK_FALSE(options.has("nothing"));
  CHECK(options.string_or("absent", "other") == "other");
}

TEST_CASE("escapes of JSON strings are undone") {
  const Options options(R"({"s":"a\"\\\/\n\té\u20ac\ud83d\ude00"})");
  CHECK(options.string("s") == "a\"\\/\n\t\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
}

TEST_CASE("no options at all are an empty object") {
  CHECK(Options("").values().empty());
  CHECK(Options(" {} ").values().empty());
}

TEST_CASE("a missing option and one of another type are named") {
  const Options options(R"({"count":3})");
  CHECK_THROWS_WITH(options.string("path"), "option \"path\" is missing");
  CHECK_THROWS_WITH(options.string("count"), "option \"count\" is not a string");
}

TEST_CASE("what is no flat JSON object is refused") {
  for (const char* text :
       {"[]", "{", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{\"a\":{}}", "{\"a\":[1]}", "{\"a\":1} x",
        "{\"a\":\"\\q\"}", "{\"a\":\"\\ud800\"}", "{\"a\":\"open", "{\"a\":-}", "{\"a\":1e}"}) {
    INFO(text);
    CHECK_THROWS_AS(Options(text), Error);
  }
}

TEST_CASE("an exception becomes the caller's error") {
  const nacre_error own = error_of([] { throw Error(NACRE_E_PRECONDITION, "it is paused"); });
  CHECK(own.code == NACRE_E_PRECONDITION);
  CHECK(std::string(own.what) == "it is paused");

  const nacre_error system =
      error_of([] { throw std::system_error(ENOENT, std::generic_category(), "open \"/dev/kvm\""); });
  CHECK(system.code == NACRE_E_NOT_FOUND);
  CHECK(system.errno_value == ENOENT);
  CHECK(std::string(system.what) == "open \"/dev/kvm\": No such file or directory");

  CHECK(error_of([] { throw std::bad_alloc(); }).code == NACRE_E_EXHAUSTED);
  CHECK(error_of([] { throw 42; }).code == NACRE_E_UNKNOWN);
  CHECK(guard(nullptr, [] { throw 42; }) == -NACRE_E_UNKNOWN);
  CHECK(guard(nullptr, [] {}) == 0);
}

TEST_CASE("a text that is too long is cut at a character's border") {
  const nacre_error error = error_of([] {
    throw Error(NACRE_E_INTERNAL, std::string(sizeof(nacre_error::what) - 2, 'x') + "\xe2\x82\xac");
  });
  CHECK(std::string(error.what) == std::string(sizeof error.what - 2, 'x'));
}

TEST_CASE("a caller with a shorter error struct is not written past its end") {
  nacre_error error{};
  error.struct_size = offsetof(nacre_error, what) + 8;
  std::memset(error.what, '#', sizeof error.what);
  guard(&error, [] { throw Error(NACRE_E_INTERNAL, "a long sentence"); });
  CHECK(std::string(error.what) == "a long ");
  CHECK(error.what[8] == '#');
}

TEST_CASE("a struct of an older caller reads as zero at its tail, and is written no further") {
  nacre_call old{};
  old.struct_size = offsetof(nacre_call, deadline_ns);
  old.cancel_fd = 7;
  old.deadline_ns = 99; // beyond what the caller has
  CHECK(received(&old, "the call").cancel_fd == 7);
  CHECK(received(&old, "the call").deadline_ns == 0);
  deliver(&old, nacre_call{sizeof(nacre_call), 8, 100});
  CHECK(old.cancel_fd == 8);
  CHECK(old.deadline_ns == 99);
  CHECK(old.struct_size == offsetof(nacre_call, deadline_ns));
  CHECK_THROWS_AS(received(static_cast<const nacre_call*>(nullptr), "the call"), Error);
}

TEST_CASE("moved descriptors that nobody takes are closed, borrowed ones are left alone") {
  const int moved = ::eventfd(0, EFD_CLOEXEC), taken = ::eventfd(0, EFD_CLOEXEC),
            lent = ::eventfd(0, EFD_CLOEXEC);
  const std::int32_t numbers[] = {moved, taken, lent};
  const std::uint32_t ownership[] = {NACRE_FD_MOVED, NACRE_FD_MOVED, NACRE_FD_BORROWED};
  const nacre_fds raw{sizeof raw, 3, numbers, ownership};
  Fd kept;
  {
    ReceivedFds fds(&raw);
    kept = fds.take(1);
    CHECK(kept.get() == taken);
    CHECK(fds.take(2).get() != lent);
    CHECK_THROWS_AS(fds.take(1), Error);
    CHECK_THROWS_AS(fds.take(9), Error);
    CHECK_THROWS_AS(fds.take(0, 4000000000u), Error);
  }
  CHECK_FALSE(open(moved));
  CHECK(open(taken));
  CHECK(open(lent));
  ::close(lent);
}

TEST_CASE("descriptors that do not fit into the caller's room are not lost") {
  const int fd = ::eventfd(0, EFD_CLOEXEC);
  {
    FdsToSend fds;
    fds.add(Fd(fd));
    nacre_fds_out none{};
    CHECK_THROWS_AS(fds.hand_out(&none), Error);
  }
  CHECK_FALSE(open(fd));
}
