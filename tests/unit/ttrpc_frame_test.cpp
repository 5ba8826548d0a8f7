#include "catch.hpp"

#include "base/error.hpp"
#include "ttrpc/address.hpp"
#include "ttrpc/frame.hpp"
#include "ttrpc/status.hpp"

using namespace nacre;
using namespace nacre::ttrpc;

TEST_CASE("a frame has ttrpc's header of ten bytes") {
  const auto bytes = encode_frame(0x01020304, FrameType::request, "abc");
  CHECK(bytes == std::string("\0\0\0\3\1\2\3\4\1\0abc", 13));
}

TEST_CASE("frames come out of any cutting of the stream") {
  const auto stream = encode_frame(1, FrameType::request, "one") + encode_frame(3, FrameType::response, "") +
                      encode_frame(5, FrameType::data, std::string(70000, 'x'));
  for (const std::size_t step : {std::size_t(1), std::size_t(7), std::size_t(4096), stream.size()}) {
    FrameReader reader;
    std::vector<Frame> frames;
    for (std::size_t at = 0; at < stream.size(); at += step) {
      reader.feed(std::string_view(stream).substr(at, step));
      while (auto frame = reader.next())
        frames.push_back(std::move(*frame));
    }
    REQUIRE(frames.size() == 3);
    CHECK(frames[0].payload == "one");
    CHECK(frames[1].stream == 3);
    CHECK(frames[1].payload.empty());
    CHECK(frames[2].payload.size() == 70000);
    CHECK_FALSE(reader.inside_frame());
  }
}

TEST_CASE("an oversized frame is skipped and the stream goes on behind it") {
  const std::size_t length = frame_payload_max + 1;
  std::string bytes = encode_frame(7, FrameType::request, "");
  bytes[1] = static_cast<char>(length >> 16);
  bytes[2] = static_cast<char>(length >> 8);
  bytes[3] = static_cast<char>(length);
  FrameReader reader;
  reader.feed(bytes);
  for (std::size_t sent = 0; sent < length;) {
    CHECK_FALSE(reader.next());
    const auto now = std::min<std::size_t>(100000, length - sent);
    reader.feed(std::string(now, 'z'));
    sent += now;
  }
  reader.feed(encode_frame(9, FrameType::request, "next"));
  const auto skipped = reader.next();
  REQUIRE(skipped);
  CHECK(skipped->oversized);
  CHECK(skipped->stream == 7);
  CHECK(skipped->payload.empty());
  const auto next = reader.next();
  REQUIRE(next);
  CHECK(next->payload == "next");
}

TEST_CASE("a payload beyond 4 MiB is not sent") {
  CHECK_NOTHROW(encode_frame(1, FrameType::request, std::string(frame_payload_max, 'a')));
  CHECK_THROWS_AS(encode_frame(1, FrameType::request, std::string(frame_payload_max + 1, 'a')), Error);
}

TEST_CASE("an Error crosses the ttrpc edge with code and text") {
  const auto status = to_status(Error(ErrorCode::not_found, "find container", "c1").hint("list shows all"));
  CHECK(status.code() == 5);
  CHECK(status.message() == "find container \"c1\"; list shows all");
  try {
    throw_if_failed(status);
    FAIL("nothing was thrown");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::not_found);
    CHECK(std::string(error.what()) == status.message());
  }
  CHECK(to_status(std::runtime_error("odd")).code() == 2);
  wire::Status strange;
  strange.set_code(99);
  CHECK_THROWS_AS(throw_if_failed(strange), Error);
  CHECK_NOTHROW(throw_if_failed(wire::Status()));
}

TEST_CASE("a status is UTF-8 whatever the error quotes") {
  CHECK(to_status(ErrorCode::internal, "caf\xc3\xa9").message() == "caf\xc3\xa9");
  CHECK(to_status(ErrorCode::internal, "caf\xe9!").message() == "caf?!");
  CHECK(to_status(ErrorCode::internal, "\xed\xa0\x80").message() == "???");
  CHECK(to_status(ErrorCode::internal, std::string(1 << 20, 'a')).message().size() < 100000);
}

TEST_CASE("a socket's name is the cut SHA-256 of root, namespace and id") {
  // printf '/run/nacre\0\0demo' | sha256sum
  CHECK(socket_path("/run/nacre", "", "demo") == "/run/nacre/s/b915fa0a541ca9152a3e2531708e455e");
  CHECK(socket_path("/run/nacre", "", "demo") != socket_path("/run/nacre", "demo", ""));
  CHECK(descriptor_socket_path("/a/b") == "/a/b.fd");
}
