/* SPDX-License-Identifier: Apache-2.0
 * Which driver is for which type of speaker. */
#include "anycast/speaker.h"

const struct speaker_type_ops *speaker_ops(enum speaker_type type)
{
    static const struct speaker_type_ops *const ops[] = {
        [SPEAKER_BIRD] = &bird_speaker, [SPEAKER_EXABGP] = &exabgp_speaker,
        [SPEAKER_FRR] = &frr_speaker,   [SPEAKER_GOBGP] = &gobgp_speaker,
        [SPEAKER_EXEC] = &exec_speaker,
    };
    return ops[type];
}
