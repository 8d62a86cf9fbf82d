"""A check refuses by name and reason, and says unknown where the catalogue is silent."""

from __future__ import annotations

import pytest
from benchmarks.rig.planted import may_also, planted
from benchmarks.rig.planted import sound as sound_rows

from shiomi.rig.buy.compatibility import check_build
from shiomi.rig.buy.findings import Check, Refusal, Unknown
from shiomi.rig.buy.parts import Part
from shiomi.rig.buy.wattage import Circuit
from shiomi.rig.errors import PlanError
from shiomi.rig.report.wording import LANGUAGES, text_of
from tests.rig.planning import board, case, cooler, cpu, drive, gpu, kit, shipped, sound, supply


def refused(*extra: Part, **instead: Part) -> set[Check]:
    found = check_build([*sound(**instead).values(), *extra])
    return {x.check for x in found if isinstance(x, Refusal)}


def unknown(*extra: Part, **instead: Part) -> set[Check]:
    found = check_build([*sound(**instead).values(), *extra])
    return {x.check for x in found if isinstance(x, Unknown) and not x.always}


def test_a_sound_build_has_no_findings() -> None:
    assert check_build(sound().values()) == []


@pytest.mark.parametrize(
    ("check", "instead"),
    [
        (Check.SOCKET, {"board": board(socket="LGA 1700")}),
        (
            Check.CHIPSET,
            {
                "cpu": cpu(socket="LGA 1151", architecture="Coffee Lake"),
                "board": board(socket="LGA 1151", chipset="Intel Z270"),
                "cooler": cooler(sockets=("LGA 1151",)),
            },
        ),
        (Check.MEMORY_KIND, {"kit": kit(type="DDR4")}),
        (Check.MEMORY_KIND, {"kit": kit(form_factor="SO-DIMM")}),
        (Check.MEMORY_COUNT, {"kit": kit(modules=8)}),
        (Check.MEMORY_CAPACITY, {"kit": kit(capacity_gb=256.0)}),
        (Check.FORM_FACTOR, {"board": board(form_factor="EATX")}),
        (Check.GPU_LENGTH, {"gpu": gpu(length_mm=331.0)}),
        (Check.GPU_SLOTS, {"case": case(slots=2), "gpu": gpu(slot_width=2.2)}),
        (Check.PCIE_SLOTS, {"board": board(x16_slots=0)}),
        (Check.CONNECTORS, {"gpu": gpu(eight_pin=5)}),
        (Check.SUPPLY, {"supply": supply(watts=400.0)}),
        (Check.COOLER_SOCKET, {"cooler": cooler(sockets=("LGA 1700",))}),
        (Check.COOLER_HEIGHT, {"cooler": cooler(height_mm=166.0)}),
        (Check.SUPPLY_SIZE, {"supply": supply(length_mm=201.0)}),
        (Check.M2, {"board": board(m2_slots=0)}),
    ],
)
def test_one_fault_is_refused_for_its_reason_alone(check: Check, instead: dict[str, Part]) -> None:
    assert refused(**instead) == {check}


@pytest.mark.parametrize(
    ("check", "instead"),
    [
        (Check.SOCKET, {"board": board(socket=None)}),
        (Check.MEMORY_KIND, {"board": board(memory_type=None)}),
        (Check.MEMORY_COUNT, {"board": board(memory_slots=None)}),
        (Check.FORM_FACTOR, {"case": case(boards=())}),
        (Check.GPU_LENGTH, {"gpu": gpu(length_mm=None)}),
        (Check.GPU_LENGTH, {"case": case(gpu_max_mm=None)}),
        (Check.GPU_SLOTS, {"gpu": gpu(slot_width=None)}),
        (Check.CONNECTORS, {"gpu": gpu(six_pin=None, eight_pin=None, twelve_volt=None)}),
        (Check.CONNECTORS, {"supply": supply(eight_pin=None, twelve_volt=None)}),
        (Check.SUPPLY, {"gpu": gpu(tdp_w=None)}),
        (Check.COOLER_HEIGHT, {"cooler": cooler(height_mm=None)}),
        (Check.COOLER_HEIGHT, {"cooler": cooler(water=True, height_mm=50.0)}),
        (Check.M2, {"board": board(m2_slots=None)}),
    ],
)
def test_a_field_the_catalogue_lacks_is_unknown_and_never_said_to_fit(
    check: Check, instead: dict[str, Part]
) -> None:
    assert refused(**instead) == set()
    assert check in unknown(**instead)


def test_cards_with_a_12_volt_socket_take_the_supplys_own_or_an_adapter_of_8_pins() -> None:
    card = gpu(eight_pin=0, twelve_volt=1, tdp_w=300.0)
    assert refused(gpu=card, supply=supply(eight_pin=0, twelve_volt=1)) == set()
    assert refused(gpu=card, supply=supply(eight_pin=1)) == {Check.CONNECTORS}
    found = check_build(sound(gpu=card, supply=supply(eight_pin=2)).values())
    assert [x.phrase for x in found] == ["adapter"]


def test_short_peaks_of_several_cards_trip_a_supply_that_holds_their_sustained_power() -> None:
    cards = [gpu(f"g{i}", tdp_w=350.0, slot_width=2.0, eight_pin=1) for i in range(3)]
    workstation = {
        "cpu": cpu(socket="sTRX4"),
        "cooler": cooler(sockets=("sTRX4",)),
        "board": board(x16_slots=3, socket="sTRX4"),
    }
    parts = sound(**workstation, supply=supply(watts=1520.0, eight_pin=6))
    del parts["gpu"]
    found = check_build([*parts.values(), *cards])
    assert {x.check for x in found if isinstance(x, Refusal)} == {Check.TRANSIENT}


def test_a_circuit_of_100_volts_and_15_amperes_gives_1500_watts_and_no_more() -> None:
    cards = [gpu(f"g{i}", tdp_w=575.0) for i in range(2)]
    parts = sound(supply=supply(watts=2200.0, eight_pin=8), cpu=cpu(ppt_w=200.0))
    del parts["gpu"]
    parts_list = [*parts.values(), *cards]
    assert Check.CIRCUIT in {x.check for x in check_build(parts_list) if isinstance(x, Refusal)}
    at_200 = check_build(parts_list, circuit=Circuit(200, 20))
    assert not [x for x in at_200 if isinstance(x, Refusal)]


def test_cards_that_share_layers_need_lanes_and_cards_in_line_do_not() -> None:
    cards = [gpu(f"g{i}", tdp_w=120.0) for i in range(3)]
    parts = sound(board=board(x16_slots=3), supply=supply(watts=1200.0, eight_pin=6))
    del parts["gpu"]
    parts_list = [*parts.values(), *cards]
    shared = check_build(parts_list, shared_layers=True)
    assert {x.check for x in shared if isinstance(x, Refusal)} == {Check.LANES, Check.PCIE_SLOTS}
    in_line = check_build(parts_list)
    assert {x.check for x in in_line if isinstance(x, Refusal)} == {Check.PCIE_SLOTS}


def test_two_processors_are_a_mistake_that_is_named() -> None:
    with pytest.raises(PlanError, match="two parts of kind cpu"):
        check_build([cpu("a"), cpu("b")])


def test_kits_of_two_kinds_are_refused_by_both_names() -> None:
    found = check_build([board(), kit(), kit("old", type="DDR4")])
    assert found[0].check is Check.MEMORY_KIND
    assert "DDR4, DDR5" in text_of(found[0].message)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_finding_is_said_in_every_language_with_the_parts_names(language: str) -> None:
    wrong = sound(
        board=board(socket="AM4", form_factor="EATX", m2_slots=None, memory_slots=1),
        supply=supply(watts=300.0, efficiency=None, length_mm=None),
        cooler=cooler(water=True),
        drive=drive(),
    )
    found = check_build(wrong.values())
    assert len(found) > 6
    for finding in found:
        assert "{" not in text_of(finding.message, language)


@pytest.mark.slow
def test_planted_faults_are_refused_for_the_right_reason_and_sound_builds_are_not() -> None:
    catalog = shipped()
    for p in planted(200, seed=77):
        parts = [catalog.parts[x] for x in p.ids()]
        found = check_build(parts, circuit=Circuit(100, p.amps), shared_layers=p.shared_layers)
        reasons = {str(x.check) for x in found if isinstance(x, Refusal)}
        assert p.fault in reasons
        assert reasons <= {p.fault} | may_also(p.fault)
    for p in sound_rows(200, seed=78):
        found = check_build([catalog.parts[x] for x in p.ids()])
        assert not [x.message for x in found if isinstance(x, Refusal)]
