#include "hello.hpp"

#include <algorithm>
#include <cstring>

namespace nacre::agent {

namespace {

constexpr std::size_t length_size = 4;

std::uint32_t little_endian(const char* bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = length_size; i-- > 0;)
    value = value << 8U | static_cast<unsigned char>(bytes[i]);
  return value;
}

} // namespace

KeyScanner::KeyScanner(const HelloKey& key) : key_(key) {
  std::size_t length = 0;
  for (std::size_t i = 1; i < key_.size(); ++i) {
    while (length > 0 && key_[i] != key_[length])
      length = prefix_[length - 1];
    if (key_[i] == key_[length]) ++length;
    prefix_[i] = static_cast<std::uint8_t>(length);
  }
}

std::optional<std::size_t> KeyScanner::scan(std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (matched_ == 0) {
      // Nearly all payload goes by here, at the speed of memchr.
      const auto* found = static_cast<const char*>(std::memchr(bytes.data() + i, key_[0], bytes.size() - i));
      if (found == nullptr) return std::nullopt;
      i = static_cast<std::size_t>(found - bytes.data());
      matched_ = 1;
      continue;
    }
    while (matched_ > 0 && bytes[i] != key_[matched_])
      matched_ = prefix_[matched_ - 1];
    if (bytes[i] == key_[matched_]) ++matched_;
    if (matched_ == key_.size()) {
      matched_ = 0;
      return i + 1;
    }
  }
  return std::nullopt;
}

HelloReader::HelloReader() : current_key_(first_hello_key), current_(first_hello_key) {}

HelloReader::Step HelloReader::step(std::string_view input) {
  if (state_ == State::hello) input = input.substr(0, missing_of_hello());
  Step step;
  // A key begins a hello wherever it stands, also inside a hello whose sender died while writing it.
  if (const auto end = find_key(input)) {
    state_ = State::hello;
    hello_.clear();
    step.consumed = *end;
    step.connection_ended = true;
    return step;
  }
  step.consumed = input.size();
  if (state_ == State::hello) {
    hello_ += input;
    if (missing_of_hello() == 0) finish_hello(step);
  } else if (state_ == State::payload) {
    step.payload = input;
    payload_size_ += input.size();
    if (next_ && payload_size_ >= next_key_.size()) retire_old_key();
  }
  return step;
}

std::optional<std::size_t> HelloReader::find_key(std::string_view input) {
  auto end = current_.scan(input);
  if (next_) {
    const auto next_end = next_->scan(input);
    if (next_end && (!end || *next_end < *end)) {
      end = next_end;
      current_key_ = next_key_;
    }
  }
  if (end) {
    current_ = KeyScanner(current_key_);
    next_.reset();
  }
  return end;
}

std::size_t HelloReader::missing_of_hello() const {
  if (hello_.size() < length_size) return length_size - hello_.size();
  const auto length = little_endian(hello_.data());
  return length > largest_hello ? 0 : length_size + length - hello_.size();
}

void HelloReader::finish_hello(Step& step) {
  if (little_endian(hello_.data()) <= largest_hello) step.hello = hello_.substr(length_size);
  reject(); // until accept()
}

// Payload of a host that has had our answer: from now on only its new key counts.
void HelloReader::retire_old_key() {
  current_key_ = next_key_;
  current_ = *next_;
  next_.reset();
}

void HelloReader::accept(const HelloKey& key) {
  state_ = State::payload;
  payload_size_ = 0;
  next_key_ = key;
  next_.emplace(key);
}

void HelloReader::reject() {
  state_ = State::searching;
  hello_.clear();
}

void HelloReader::disconnect() {
  reject();
}

} // namespace nacre::agent
