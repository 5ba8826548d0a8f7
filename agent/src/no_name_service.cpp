// gRPC and c-ares bring resolvers of host names. The agent has no use for names, and glibc's resolver would
// load shared libraries at run time, which a static program in a guest without them cannot. These definitions
// take the place of glibc's, so that none of it is linked.
#include <cstddef>
#include <netdb.h>

extern "C" {

int getaddrinfo(const char*, const char*, const addrinfo*, addrinfo**) {
  return EAI_FAIL;
}

void freeaddrinfo(addrinfo*) {}

servent* getservbyname(const char*, const char*) {
  return nullptr;
}

int getservbyname_r(const char*, const char*, servent*, char*, std::size_t, servent** result) {
  *result = nullptr;
  return 0;
}

int getservbyport_r(int, const char*, servent*, char*, std::size_t, servent** result) {
  *result = nullptr;
  return 0;
}

int getnameinfo(const sockaddr*, socklen_t, char*, socklen_t, char*, socklen_t, int) {
  return EAI_FAIL;
}

protoent* getprotobyname(const char*) {
  return nullptr;
}

protoent* getprotobynumber(int) {
  return nullptr;
}

} // extern "C"
