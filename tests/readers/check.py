"""What Diptych writes is read by the readers that people have: VTK's own for ParaView's files; pyarrow, pandas and polars for Parquet.

    python tests/readers/check.py target/release/diptych

A small scenario is run and exported in each format; what each reader finds must be what the CSV files say, to the bit.
"""

import csv
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml
from pathlib import Path

import numpy as np
import pandas
import polars
import pyarrow.parquet as parquet
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkIOXML import vtkXMLImageDataReader, vtkXMLPolyDataReader

TOWN = """scenario town
run { frames = 20, dt = 0.5, seed = 4 }
space torus (0, 0) .. (30, 20)
enum Mood { Calm, Cross }
component Position = vec2
component Wealth = f64
component Feels = Mood
component Grass = f32
group people[300, max 2_000] { position Position = uniform(space), Wealth = uniform(0, 1), Feels = Calm }
grid soil[6, 4] { Grass = uniform(0, 1) }
system move for people owns Position { Position = wrap(Position + polar(uniform(0, TAU), 0.2)) }
system earn for people owns Wealth, Feels {
    Wealth += uniform(0, 1)
    if fresh Wealth > 4 { Feels = Cross }
    if chance(0.05) { spawn people { Position = fresh Position, Wealth = 0.5, Feels = Calm } }
    if chance(0.05) { despawn self }
}
system grow for soil owns Grass { Grass = Grass * 1.01 }
"""
FRAMES = [0, 7, 14]


def run(binary, *arguments):
    done = subprocess.run([binary, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, f"{arguments}: {done.stderr}"
    return done.stdout


def table(path):
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: [row[name] for row in rows] for name in rows[0]}


def same(found, told, what, dtype):
    """Floats are written so that they are read back to the same bits."""
    assert np.array_equal(np.asarray(found), np.array(told).astype(dtype)), what


def points(folder, frame, told):
    reader = vtkXMLPolyDataReader()
    reader.SetFileName(str(folder / f"people-{frame:010}.vtp"))
    reader.Update()
    data = reader.GetOutput()
    count = len(told["entity"])
    assert data.GetNumberOfPoints() == data.GetNumberOfVerts() == count, (frame, data.GetNumberOfPoints(), count)
    place = vtk_to_numpy(data.GetPoints().GetData())
    for axis, name in enumerate(["Position.x", "Position.y"]):
        same(place[:, axis], told[name], name, np.float32)
    assert (place[:, 2] == 0).all()
    arrays = {name: vtk_to_numpy(data.GetPointData().GetArray(name)) for name in ["Wealth", "Feels", "Position"]}
    same(arrays["Wealth"], told["Wealth"], "Wealth", np.float64)
    assert arrays["Wealth"].dtype == np.float64 and arrays["Position"].shape == (count, 3)
    names = data.GetFieldData().GetAbstractArray("Feels names")
    names = [names.GetValue(at) for at in range(names.GetNumberOfValues())]
    assert names == ["Calm", "Cross"] and [names[at] for at in arrays["Feels"]] == told["Feels"], frame
    same(vtk_to_numpy(data.GetPointData().GetArray("entity id")), told["entity"], "entity", np.uint32)
    same(vtk_to_numpy(data.GetPointData().GetArray("entity generation")), told["generation"], "generation", np.uint32)
    assert data.GetFieldData().GetArray("TimeValue").GetValue(0) == 0.5 * frame


def cells(folder, frame, told):
    reader = vtkXMLImageDataReader()
    reader.SetFileName(str(folder / f"soil-{frame:010}.vti"))
    reader.Update()
    data = reader.GetOutput()
    assert data.GetNumberOfCells() == 24 and data.GetDimensions() == (7, 5, 1), data.GetDimensions()
    assert data.GetBounds()[:4] == (0, 30, 0, 20), data.GetBounds()
    same(vtk_to_numpy(data.GetCellData().GetArray("Grass")), told["Grass"], "Grass", np.float32)


def series(path, extension):
    sets = xml.parse(path).getroot().find("Collection").findall("DataSet")
    assert [float(it.get("timestep")) for it in sets] == [0.5 * frame for frame in FRAMES]
    assert all((path.parent / it.get("file")).suffix == extension for it in sets)
    assert all((path.parent / it.get("file")).is_file() for it in sets)


def parquets(path, told):
    """The three readers agree with the text."""
    arrow = parquet.read_table(path)
    assert arrow.column_names == list(told), arrow.column_names
    assert parquet.read_metadata(path).metadata[b"scenario"] == b"town"
    frames = {"pandas": pandas.read_parquet(path), "polars": polars.read_parquet(path)}
    for name, texts in told.items():
        if name == "Feels":
            assert arrow[name].to_pylist() == texts, name
        else:
            found = arrow[name].to_numpy()
            same(found, texts, name, found.dtype)
    for reader, frame in frames.items():
        for name in told:
            assert list(frame[name]) == arrow[name].to_pylist(), (reader, name)


def main(binary):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "town.dip").write_text(TOWN)
        run(binary, "run", folder / "town.dip", "--out", folder / "run", "--checkpoint-every", 10, "--quiet")
        for format in ["vtp", "parquet", "csv"]:
            run(binary, "export", folder / "run", "--to", 14, "--every", 7, "--format", format, "--out", folder / format)
        for frame in FRAMES:
            people = table(folder / "csv" / f"people-{frame:010}.csv")
            soil = table(folder / "csv" / f"soil-{frame:010}.csv")
            points(folder / "vtp", frame, people)
            cells(folder / "vtp", frame, soil)
            parquets(folder / "parquet" / f"people-{frame:010}.parquet", people)
            parquets(folder / "parquet" / f"soil-{frame:010}.parquet", soil)
        series(folder / "vtp" / "people.pvd", ".vtp")
        series(folder / "vtp" / "soil.pvd", ".vti")
    print("vtk, pyarrow, pandas and polars read what was written")


main(sys.argv[1])
