// attention_bf16.cu: attention.cu's operation, rounded to bfloat16 for the tensor cores.
#include "attention_16.cuh"

#if HAS_BF16
HALF(bf16, BF16)
#endif
