/* SPDX-License-Identifier: MIT */
#include "core/doctor/doctor.h"

#include "core/doctor/host.h"
#include "core/doctor/leftovers.h"
#include "core/doctor/places.h"
#include "core/machine/store.h"

/* Nobody uses the machines of another user. */
static void
check_store(struct maqet_doctor *doctor)
{
    _cleanup_error_ struct maqet_error *error = NULL;

    if (maqet_store_check_owner(doctor->context, &error) == 0)
        return;
    doctor->unknown_store = true;
    maqet_doctor_say_error(doctor, "data_dir", MAQET_VERDICT_ERROR, error);
}

void
maqet_doctor_examine(struct maqet_doctor *doctor)
{
    check_store(doctor);
    maqet_doctor_qemu(doctor);
    maqet_doctor_kvm(doctor);
    maqet_doctor_kernel(doctor);
    maqet_doctor_plugins(doctor);
    maqet_doctor_space(doctor);
    maqet_doctor_storage_dir(doctor);
    if (doctor->unknown_store)
        return;
    maqet_doctor_jobs(doctor);
    maqet_doctor_leftovers(doctor);
}
