// A city that fits on a page, an element on each line:
//
//          N         Y══╗
//          |        ╱    ║ roundabout y, z
//     W ═══c══════ r     Z── O        c: signal; r: right before left
//          |       |
//          S       X              A ─── B: a track for both directions
#pragma once

#include <string>

namespace starling::cloud {

inline const std::string kSmallCity = R"(<?xml version="1.0" encoding="UTF-8"?>
<!-- <edge id="none" from="N" to="S"/> -->
<net version="1.20" junctionCornerDetail="5" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <location netOffset="-600000.50,-5300000.25" convBoundary="0,-100,300,100" projParameter="+proj=utm +zone=32"/>
  <type id="residential"><restriction vClass="truck" speed="5"/></type>
  <edge id=":c_0" function="internal">
    <lane id=":c_0_0" index="0" speed="13.89" length="10.00" shape="100,-5 100,5"/>
  </edge>
  <edge id=":c_1" function="internal">
    <lane id=":c_1_0" index="0" speed="13.89" length="10.00" shape="95,0 105,0"/>
  </edge>
  <edge id=":c_2" function="internal">
    <lane id=":c_2_0" index="0" speed="8" length="4.50" shape="95,3 99,4"/>
  </edge>
  <edge id=":c_3" function="internal">
    <lane id=":c_3_0" index="0" speed="8" length="2.50" shape="99,4 100,5"/>
  </edge>
  <edge id=":r_0" function="internal">
    <lane id=":r_0_0" index="0" speed="13.89" length="9" shape="200,-5 205,4"/>
    <lane id=":r_0_1" index="1" speed="13.89" length="9" shape="195,0 205,4"/>
  </edge>
  <edge id=":y_0" function="internal">
    <lane id=":y_0_0" index="0" speed="7" length="6" shape="250,40 255,41"/>
  </edge>
  <edge id=":y_1" function="internal">
    <lane id=":y_1_0" index="0" speed="7" length="6" shape="250,38 255,41"/>
  </edge>
  <edge id=":S_w0" function="walkingarea">
    <lane id=":S_w0_0" index="0" speed="1" allow="pedestrian" length="2" width="0" shape="99,-100 101,-100"/>
  </edge>
  <edge id="wc" from="W" to="c" priority="3" type="residential" spreadType="center">
    <lane id="wc_0" index="0" allow="bus taxi" speed="13.89" length="94.50" width="3.50" shape="0,0 50,0 95,0"/>
    <lane id="wc_1" index="1" disallow="pedestrian coach tram rail rail_urban rail_electric rail_fast subway cable_car" speed="8.33" length="95.25" shape="0,3.2,1.5 95,3.2,1.5" acceleration="1"/>
  </edge>
  <edge id="sc" from="S" to="c" priority="5">
    <lane id="sc_0" index="0" speed="13.89" length="90" shape="100,-100 100,-5"/>
  </edge>
  <edge id="cn" from="c" to="N" priority="5">
    <lane id="cn_0" index="0" speed="13.89" length="95" shape="100,5 100,100"><param key="origId" value="7"/></lane>
  </edge>
  <edge id="ce" from="c" to="r" priority="3">
    <lane id="ce_0" index="0" speed="13.89" length="90" shape="105,0 195,0"/>
  </edge>
  <edge id="xr" from="X" to="r">
    <lane id="xr_0" index="0" speed="13.89" length="60" shape="200,-65 200,-5"/>
  </edge>
  <edge id="ry" from="r" to="y">
    <lane id="ry_0" index="0" speed="13.89" length="58.25" shape="205,4 250,38"/>
  </edge>
  <edge id="yz" from="y" to="z"><lane id="yz_0" index="0" speed="7" length="30" shape="255,41 270,30"/></edge>
  <edge id="zy" from="z" to="y"><lane id="zy_0" index="0" speed="7" length="30" shape="270,30 250,40"/></edge>
  <edge id="zo" from="z" to="O"><lane id="zo_0" index="0" speed="7" length="40" shape="270,30 310,30"/></edge>
  <edge id="ab" from="A" to="B" bidi="ba"><lane id="ab_0" index="0" allow="rail tram" speed="20" length="100" shape="0,-90 50,-90"/></edge>
  <edge id="ba" from="B" to="A" bidi="ab"><lane id="ba_0" index="0" allow="rail tram" speed="20" length="100" shape="50,-90 0,-90"/></edge>
  <tlLogic id="light" type="static" programID="0" offset="7.5">
    <phase duration="31" state="Grr"/>
    <phase duration="4" state="yrr"/>
    <phase duration="25.5" state="rGg"/>
    <phase duration="4" state="rYy" minDur="3" maxDur="5"/>
  </tlLogic>
  <junction id="c" type="traffic_light" x="100" y="0" incLanes="sc_0 wc_0 wc_1" intLanes=":c_0_0 :c_1_0 :c_3_0" shape="95,-5 105,5">
    <request index="0" response="000" foes="110" cont="0"/>
    <request index="1" response="001" foes="001" cont="0"/>
    <request index="2" response="001" foes="001" cont="1"/>
  </junction>
  <junction id="r" type="right_before_left" x="200" y="0" incLanes="xr_0 ce_0" intLanes=":r_0_0 :r_0_1">
    <request index="0" response="00" foes="10" cont="0"/>
    <request index="1" response="01" foes="01" cont="0"/>
  </junction>
  <junction id="y" type="priority" x="250" y="40" incLanes="zy_0 ry_0" intLanes=":y_0_0 :y_1_0">
    <request index="0" response="00" foes="10" cont="0"/>
    <request index="1" response="01" foes="01" cont="0"/>
  </junction>
  <junction id="z" type="priority" x="270" y="30" incLanes="yz_0" intLanes="">
    <request index="0" response="00" foes="00" cont="0"/>
    <request index="1" response="00" foes="00" cont="0"/>
  </junction>
  <junction id="W" type="dead_end" x="0" y="0" incLanes="" intLanes=""/>
  <junction id="S" type="dead_end" x="100" y="-100" incLanes="" intLanes=""/>
  <junction id="N" type="dead_end" x="100" y="100" incLanes="cn_0" intLanes=""/>
  <junction id="X" type="dead_end" x="200" y="-65" incLanes="" intLanes=""/>
  <junction id="O" type="dead_end" x="310" y="30" incLanes="zo_0" intLanes=""/>
  <junction id="A" type="rail_signal" x="0" y="-90" incLanes="ba_0" intLanes=""/>
  <junction id="B" type="dead_end" x="50" y="-90" incLanes="ab_0" intLanes=""/>
  <junction id=":c_3_0" type="internal" x="99" y="4" incLanes=":c_2_0 sc_0" intLanes=":c_0_0"/>
  <connection from="wc" to="ce" fromLane="0" toLane="0" via=":c_1_0" tl="light" linkIndex="1" dir="s" state="o"/>
  <connection from="sc" to="cn" fromLane="0" toLane="0" via=":c_0_0" tl="light" linkIndex="0" dir="s" state="O" keepClear="0"/>
  <connection from="wc" to="cn" fromLane="1" toLane="0" via=":c_2_0" tl="light" linkIndex="2" dir="l" state="o"/>
  <connection from="xr" to="ry" fromLane="0" toLane="0" via=":r_0_0" dir="R" state="="/>
  <connection from="ce" to="ry" fromLane="0" toLane="0" via=":r_0_1" dir="L" state="="/>
  <connection from="ry" to="yz" fromLane="0" toLane="0" via=":y_1_0" dir="s" state="m"/>
  <connection from="zy" to="yz" fromLane="0" toLane="0" via=":y_0_0" dir="s" state="M"/>
  <connection from="yz" to="zo" fromLane="0" toLane="0" dir="r" state="M" visibility="20"/>
  <connection from="yz" to="zy" fromLane="0" toLane="0" dir="s" state="M"/>
  <connection from="ab" to="ba" fromLane="0" toLane="0" dir="t" state="-"/>
  <connection from="ba" to="ab" fromLane="0" toLane="0" tl="A" linkIndex="0" dir="t" state="o"/>
  <connection from=":c_0" to="cn" fromLane="0" toLane="0" dir="s" state="M"/>
  <connection from=":c_1" to="ce" fromLane="0" toLane="0" dir="s" state="M"/>
  <connection from=":c_2" to="cn" fromLane="0" toLane="0" via=":c_3_0" dir="l" state="m"/>
  <connection from=":c_3" to="cn" fromLane="0" toLane="0" dir="l" state="M"/>
  <connection from=":r_0" to="ry" fromLane="0" toLane="0" dir="r" state="M"/>
  <connection from=":r_0" to="ry" fromLane="1" toLane="0" dir="l" state="M"/>
  <connection from=":y_0" to="yz" fromLane="0" toLane="0" dir="s" state="M"/>
  <connection from=":y_1" to="yz" fromLane="0" toLane="0" dir="s" state="M"/>
  <prohibition prohibitor="sc->cn" prohibited="wc->cn"/>
  <roundabout nodes="y z" edges="yz zy"/>
</net>
)";

}  // namespace starling::cloud
