// attention_f16.cu: attention.cu's operation, rounded to f16 for the tensor cores.
#include "attention_16.cuh"

HALF(f16, F16)
