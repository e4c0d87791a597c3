#include "base/sha256.h"

#include "base/bytes.h"
#include "tests/support/catch.h"

namespace orcio {

TEST_CASE("SHA-256 gives the digests of FIPS 180-4") {
  CHECK(ToHex(Sha256::Of({})) ==
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(ToHex(Sha256::Of(AsBytes("abc"))) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("Zeros count as bytes, and a finished digest starts anew") {
  Sha256 sha;
  sha.UpdateZeros(100'000);
  const std::string zeros(100'000, '\0');
  CHECK(sha.Finish() == Sha256::Of(AsBytes(zeros)));
  sha.Update(AsBytes("abc"));
  CHECK(sha.Finish() == Sha256::Of(AsBytes("abc")));
}

}  // namespace orcio
