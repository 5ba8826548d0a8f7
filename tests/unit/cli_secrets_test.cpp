// What an operator sends to somebody else holds no secrets.
#include "catch.hpp"

#include "cli/diagnosis/secrets.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

using namespace nacre::cli;
namespace json = boost::json;

TEST_CASE("names of secrets are known, others are not") {
  for (const auto* name : {"password", "DB_PASSWORD", "api-key", "AWS_SECRET_ACCESS_KEY", "registryToken",
                           "--token", "Authorization", "ssh_key", "MYSQL_PASS", "dockerconfigjson"})
    CHECK(is_secret_name(name));
  for (const auto* name :
       {"path", "PATH", "kernel", "keymap", "monkey", "compass", "author", "default_memory"})
    CHECK_FALSE(is_secret_name(name));
}

TEST_CASE("values of secret names are masked in text, and nothing else is") {
  const Secrets secrets;
  const auto mask = [&](std::string_view text) { return secrets.mask(text); };
  CHECK(mask("password=abc next") == "password=(masked) next");
  CHECK(mask("password: abc") == "password: (masked)");
  CHECK(mask(R"-({"token": "a b\"c", "n": 1})-") == R"-({"token": "(masked)", "n": 1})-");
  CHECK(mask("{\\\"token\\\":\\\"abc\\\"}").find("abc") == std::string::npos);
  CHECK(mask("tool --api-key abc --quiet") == "tool --api-key (masked) --quiet");
  CHECK(mask("a.b.secret='x y' z") == "a.b.secret='(masked)' z");
  CHECK(mask("Authorization: Bearer abc") == "Authorization: Bearer (masked)");
  CHECK(mask("sent Bearer abc, got 200") == "sent Bearer (masked), got 200");
  CHECK(mask("https://u:p@h/x and http://h/y@z") == "https://(masked)@h/x and http://h/y@z");
  CHECK(mask("the token was refused") == "the token was refused");
  CHECK(mask("console=ttyS0 quiet") == "console=ttyS0 quiet");
  CHECK(mask("password=") == "password=");
  CHECK(mask("") == "");
}

TEST_CASE("known values are masked wherever they stand") {
  Secrets secrets;
  secrets.add("correct horse");
  secrets.add("correct horse battery");
  secrets.add("abc"); // too short to be told from other text
  secrets.add("-----BEGIN-----\nline-of-a-key\n");
  CHECK(secrets.mask("a correct horse battery and a correct horse, abc") == "a (masked) and a (masked), abc");
  CHECK(secrets.mask("x line-of-a-key") == "x (masked)");
}

TEST_CASE("a document keeps its shape") {
  auto value =
      json::parse(R"({"password": {"value": "a", "origin": 3}, "list": ["token=abc"], "tokens": null})");
  Secrets().mask(value);
  CHECK(json::serialize(value) ==
        R"-({"password":{"value":"(masked)","origin":"(masked)"},"list":["token=(masked)"],"tokens":null})-");
}

TEST_CASE("a hostile text of some MiB takes no longer than another") {
  Secrets secrets;
  secrets.add("secret-value");
  for (const char* piece :
       {"://a@", "Bearer x ", "://", "password=", "token ", "secret-value ", "\\\"token"}) {
    std::string text;
    while (text.size() < 4u << 20)
      text += piece;
    CHECK(secrets.mask(text).find("secret-value") == std::string::npos);
  }
}
