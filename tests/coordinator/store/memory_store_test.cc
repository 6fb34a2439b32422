#include "tests/coordinator/store/store_contract.h"

namespace seedcast {

INSTANTIATE_TEST_SUITE_P(Memory, StoreContract, ::testing::Values([] { return MakeMemoryStore(); }));

}  // namespace seedcast
