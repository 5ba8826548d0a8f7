// Finds and reads the transport hello (agent/proto/transport.proto) in a byte stream without message
// boundaries.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nacre::agent {

using HelloKey = std::array<char, 16>;

inline constexpr HelloKey first_hello_key = {'n', 'a', 'c', 'r', 'e', '-', 'h', 'e',
                                             'l', 'l', 'o', '-', '0', '0', '0', '1'};
inline constexpr std::size_t largest_hello = 4096;

// Looks for one key in a stream that comes in chunks of any size. Bytes are never held back for it: a part of
// the key at the end of a chunk may as well be payload that the peer waits for an answer to.
class KeyScanner {
public:
  explicit KeyScanner(const HelloKey& key);

  // Consumes bytes up to and including the key. Returns how many were consumed when the key ended there, or
  // nothing when all of `bytes` went by without it.
  std::optional<std::size_t> scan(std::string_view bytes);

private:
  HelloKey key_;
  // Knuth, Morris, Pratt: length of the longest proper prefix of the key that ends at each position.
  std::array<std::uint8_t, 16> prefix_{};
  std::size_t matched_ = 0;
};

// Splits what arrives on a port into hellos and the payload of the connection that the last hello began.
class HelloReader {
public:
  struct Step {
    std::size_t consumed = 0;      // bytes of the input that this step used up; at least 1
    std::string_view payload;      // part of the input: belongs to the connection in place, if there is one
    bool connection_ended = false; // a key was seen: whatever connection was there is over
    std::optional<std::string> hello; // a whole hello message (the bytes after its length)
  };

  HelloReader();

  // One step over a non-empty input; call again with the rest.
  Step step(std::string_view input);

  // After a good hello: payload follows, and `key` begins the next one. The key of this hello stays good
  // until payload has come, because a host that never saw the answer may say it again.
  void accept(const HelloKey& key);
  // After a bad one (unreadable, no common version): everything up to the next key is dropped.
  void reject();
  // The peer is gone: what comes next is not of the old connection.
  void disconnect();

private:
  enum class State { searching, hello, payload };

  std::optional<std::size_t> find_key(std::string_view input);
  std::size_t missing_of_hello() const;
  void finish_hello(Step& step);
  void retire_old_key();

  State state_ = State::searching;
  HelloKey current_key_;
  KeyScanner current_;
  std::optional<KeyScanner> next_;
  HelloKey next_key_{};
  std::string hello_;            // length and message, as far as they have come
  std::size_t payload_size_ = 0; // since accept()
};

} // namespace nacre::agent
